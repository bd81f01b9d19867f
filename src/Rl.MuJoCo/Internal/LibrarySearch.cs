using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Runtime.InteropServices;

namespace Rl.MuJoCo.Internal;

/// <summary>Finds the MuJoCo that is installed.</summary>
internal static class LibrarySearch
{
    /// <summary>What to do where there is none.</summary>
    public const string Advice =
        "Install one with \"apt-get install libmujoco-dev\" (Debian, Ubuntu) or from MuJoCo's releases on GitHub, and "
        + "set " + MujocoLibrary.Variable + " to the library's file or folder where the system does not find it. The "
        + "library's own robots (HalfCheetah-v5, Ant-v5, …) need no MuJoCo.";

    private static readonly Lazy<(Native? Found, MujocoUnavailableException? Error)> Search = new(() =>
    {
        try
        {
            var found = Load(Candidates(System.Environment.GetEnvironmentVariable(MujocoLibrary.Variable)));
            SelfTest.Run(found);
            return (found, null);
        }
        catch (MujocoUnavailableException error)
        {
            return (null, error);
        }
    });

    /// <summary>Why there is none; null if there is one.</summary>
    public static string? Problem => Search.Value.Error?.Message;

    /// <summary>The library that is installed, loaded once.</summary>
    /// <exception cref="MujocoUnavailableException">There is none, or of a version that is not known.</exception>
    public static Native Library =>
        Search.Value.Found ?? throw new MujocoUnavailableException(Search.Value.Error!.Message, Search.Value.Error);

    /// <summary>The names and paths to try: those of the environment variable alone if it is set.</summary>
    public static IReadOnlyList<string> Candidates(string? variable)
    {
        var versions = Layout.Versions.Reverse().Select(Layout.Name);
        string[] names =
            OperatingSystem.IsWindows() ? ["mujoco.dll"]
            : OperatingSystem.IsMacOS()
                ? ["libmujoco.dylib", .. versions.Select(version => $"libmujoco.{version}.dylib")]
            : ["libmujoco.so", .. versions.Select(version => $"libmujoco.so.{version}")];
        if (string.IsNullOrEmpty(variable))
        {
            return [.. names.Select(name => Path.Combine(AppContext.BaseDirectory, name)), .. names];
        }

        return Directory.Exists(variable)
            ? [.. names.SelectMany(name => new[] { name, Path.Combine("lib", name), Path.Combine("bin", name) })
                .Select(name => Path.Combine(variable, name))]
            : [variable];
    }

    /// <summary>The first of the candidates that can be loaded.</summary>
    /// <exception cref="MujocoUnavailableException">None can, or the first is of a version that is not
    /// known.</exception>
    public static Native Load(IReadOnlyList<string> candidates)
    {
        foreach (var candidate in candidates)
        {
            if (NativeLibrary.TryLoad(candidate, out var library))
            {
                return Native.Of(library, candidate);
            }
        }

        var tried = candidates.Count == 1 ? candidates[0] : $"{candidates[0]} and {candidates.Count - 1} other names";
        throw new MujocoUnavailableException($"MuJoCo was not found: {tried} could not be loaded. {Advice}");
    }
}
