using System;
using System.Diagnostics;
using System.IO;
using System.Linq;
using Rl.MuJoCo;
using Rl.MuJoCo.Internal;
using Xunit;

namespace Rl.Tests.MuJoCo;

/// <summary>Finding MuJoCo, and what is said where there is none, or one that cannot be used.</summary>
public sealed class LibraryTests
{
    [Fact]
    public void A_library_that_is_missing_is_told_with_how_to_install_one_and_that_own_robots_need_none()
    {
        var candidates = LibrarySearch.Candidates("/nowhere/libmujoco.so");
        Assert.Equal(["/nowhere/libmujoco.so"], candidates);
        var error = Assert.Throws<MujocoUnavailableException>(() => LibrarySearch.Load(candidates));
        Assert.Contains("/nowhere/libmujoco.so", error.Message, StringComparison.Ordinal);
        Assert.Contains("apt-get install libmujoco-dev", error.Message, StringComparison.Ordinal);
        Assert.Contains("RL_MUJOCO", error.Message, StringComparison.Ordinal);
        Assert.Contains("HalfCheetah-v5", error.Message, StringComparison.Ordinal);
        Assert.Contains("need no MuJoCo", error.Message, StringComparison.Ordinal);
        var several = Assert.Throws<MujocoUnavailableException>(() => LibrarySearch.Load(["/nowhere/a", "/nowhere/b"]));
        Assert.Contains("/nowhere/a and 1 other names", several.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_variable_may_name_a_folder_and_without_it_the_systems_names_are_tried()
    {
        using var folder = new TemporaryFolder();
        var within = LibrarySearch.Candidates(folder.Path);
        Assert.All(within, path => Assert.StartsWith(folder.Path, path, StringComparison.Ordinal));
        if (OperatingSystem.IsLinux())
        {
            Assert.Contains(Path.Combine(folder.Path, "lib", "libmujoco.so.2.2.2"), within);
            var names = LibrarySearch.Candidates(null);
            Assert.Contains("libmujoco.so", names);
            Assert.Contains("libmujoco.so.2.2.2", names);
            Assert.Contains("libmujoco.so.3.3.7", names);
            Assert.Equal(names, LibrarySearch.Candidates(string.Empty));
        }
    }

    [Fact]
    public void A_library_that_is_no_MuJoCo_is_refused()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Linux's library of mathematics is looked for.");
        var error = Assert.Throws<MujocoUnavailableException>(() => LibrarySearch.Load(["libm.so.6"]));
        Assert.Contains("libm.so.6 is no MuJoCo", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(999, "MuJoCo 9.9.9 (mj_version() is 999)")]
    [InlineData(4001000, "MuJoCo 4.1.0 (mj_version() is 4001000)")]
    [InlineData(210, "MuJoCo 2.1.0 (mj_version() is 210)")]
    [InlineData(337, "is no whole MuJoCo")]
    public void A_version_that_is_not_known_is_refused_by_its_number_with_what_is_known(int version, string words)
    {
        using var folder = new TemporaryFolder();
        var library = folder.File("libmujoco.so");
        Compile(library, $"int mj_version(void) {{ return {version}; }}");
        var error = Assert.Throws<MujocoUnavailableException>(() => LibrarySearch.Load([library]));
        Assert.Contains(words, error.Message, StringComparison.Ordinal);
        if (version != 337)
        {
            Assert.Contains("from 2.2.2 to 3.12.0", error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Layouts_are_known_of_every_release_from_2_2_2_on()
    {
        Assert.Equal("2.2.2", MujocoLibrary.KnownVersions[0]);
        Assert.Equal("3.12.0", MujocoLibrary.KnownVersions[^1]);
        Assert.Contains("3.3.7", MujocoLibrary.KnownVersions);
        Assert.Contains("3.8.1", MujocoLibrary.KnownVersions);
        Assert.Equal(Layout.Versions.Order(), Layout.Versions);
        Assert.Null(Layout.Find(338));
        // Recorded from the headers of version 2.2.2 by other means.
        var layout = Layout.Find(222)!;
        Assert.Equal(
            (1096, 1240, 40376, 40408, 41168, 528),
            (
                layout["model.qpos0"],
                layout["model.body_mass"],
                layout["data.qpos"],
                layout["data.ctrl"],
                layout["data.cfrc_ext"],
                layout["contact.size"]));
    }

    [Fact]
    public void The_one_that_is_installed_tells_its_version()
    {
        Assert.Equal(MujocoLibrary.IsAvailable, MujocoLibrary.Problem is null);
        Installed.Require();
        Assert.Contains(MujocoLibrary.Version, MujocoLibrary.KnownVersions);
        Assert.NotEmpty(MujocoLibrary.Path);
    }

    private static void Compile(string library, string code)
    {
        var source = library + ".c";
        File.WriteAllText(source, code);
        try
        {
            using var compiler = Process.Start("gcc", ["-shared", "-fPIC", "-o", library, source]);
            compiler.WaitForExit();
            Assert.Equal(0, compiler.ExitCode);
        }
        catch (System.ComponentModel.Win32Exception)
        {
            Assert.Skip("There is no gcc to make a library with.");
        }
    }
}
