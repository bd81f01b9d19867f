using System;
using System.IO;
using Rl.Cli.Commands;
using Xunit;

namespace Rl.Tests.Distributed;

/// <summary>What <c>--continue</c> makes of a run: it begins or goes on, and never replaces what was saved.</summary>
public sealed class ContinueTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    private TrainRequest Asked => new()
    {
        Algorithm = "ppo",
        Environment = "CartPole-v1",
        Run = folder.File("run"),
        Steps = 5_000,
        Seed = 3,
        Settings = [new("Hidden", "8")],
        Episodes = 7,
    };

    [Fact]
    public void A_run_that_has_not_begun_begins_also_in_a_folder_that_was_left_before_the_first_save()
    {
        var begun = ClusterCommand.Continued(Asked, null);
        Assert.Equal(Asked with { Overwrite = true, Settings = begun.Settings }, begun);
        Directory.CreateDirectory(folder.File("run"));
        Assert.True(ClusterCommand.Continued(Asked, null).Overwrite);
        Assert.Null(ClusterCommand.Continued(Asked, null).Resume);
    }

    [Fact]
    public void A_run_that_has_begun_goes_on_by_its_own_options()
    {
        Directory.CreateDirectory(folder.File("run"));
        File.WriteAllText(folder.File("run/agent.rl"), "");
        var going = ClusterCommand.Continued(Asked, null);
        Assert.Equal(folder.File("run"), going.Resume);
        Assert.Equal(7, going.Episodes);
        Assert.False(going.Overwrite);
        Assert.Null(going.Algorithm ?? going.Environment ?? going.Run ?? going.OptionsFile);
        Assert.True(going is { Steps: null, Seed: null, Settings: [] });
    }

    [Fact]
    public void A_run_that_is_kept_elsewhere_is_brought_before_anything_is_replaced()
    {
        var going = ClusterCommand.Continued(Asked, run =>
        {
            Directory.CreateDirectory(run);
            File.WriteAllText(Path.Combine(run, "agent.rl"), "");
        });
        Assert.Equal(folder.File("run"), going.Resume);
        Assert.False(going.Overwrite);
        Assert.Throws<IOException>(() => ClusterCommand.Continued(Asked, _ => throw new IOException("away")));
    }

    [Fact]
    public void It_needs_the_run_s_name_and_goes_with_no_other_way_to_begin()
    {
        TrainRequest[] wrong =
            [Asked with { Run = null }, Asked with { Overwrite = true }, Asked with { Resume = "other" }];
        Assert.All(wrong, request =>
        {
            var error = Assert.Throws<ArgumentException>(() => ClusterCommand.Continued(request, null));
            Assert.Contains("give that, and neither --resume nor --overwrite", error.Message, StringComparison.Ordinal);
        });
    }
}
