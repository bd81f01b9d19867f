using System.IO;
using System.Linq;

namespace Rl.Cli.Runs;

/// <summary>Whether a run goes on, and if not, how it ended.</summary>
internal enum RunState
{
    /// <summary>A process trains it now.</summary>
    Running,

    /// <summary>Its plan is fulfilled.</summary>
    Finished,

    /// <summary>It was stopped or killed, and can go on.</summary>
    Interrupted,

    /// <summary>It made a number that is not finite.</summary>
    Failed,
}

/// <summary>A run with all that its folder tells, which may be trained at the same time.</summary>
internal sealed class ObservedRun
{
    private const int LastEpisodes = 100;

    /// <summary>Reads the run of a folder.</summary>
    /// <exception cref="IOException">A file of it cannot be read.</exception>
    /// <exception cref="InvalidDataException">Its configuration is damaged; the message says what to do.</exception>
    public ObservedRun(string folder)
    {
        Folder = folder;
        Metrics = new(Path.Combine(folder, RunFiles.Metrics));
        Configuration = RunConfiguration.Read(folder);
        Events = RunEvents.None;
        Update();
    }

    public string Folder { get; }

    public RunConfiguration Configuration { get; private set; }

    public MetricsColumns Metrics { get; }

    public RunEvents Events { get; private set; }

    public RunState State { get; private set; }

    /// <summary>Environment steps so far.</summary>
    public long Steps => Metrics.Rows == 0 ? 0 : (long)Metrics.Steps[^1];

    /// <summary>The steps that the journal tells of, where metrics.csv ends before them though nobody trains now; null
    /// where it does not.</summary>
    public long? MissingSteps =>
        State != RunState.Running && Events.Last is { } last && last.Steps > Steps ? last.Steps : null;

    /// <summary>The mean return of the last 100 episodes; of a run without any, which learns from recorded data, of its
    /// last evaluation; NaN if there is none.</summary>
    public double Return =>
        Metrics.EpisodeReturns.Count > 0 ? Metrics.EpisodeReturns.TakeLast(LastEpisodes).Average()
        : Metrics.Last("meanReturn") is var mean && double.IsNaN(mean) ? Events.LastReturn
        : mean;

    /// <summary>The seconds that were trained.</summary>
    public double Seconds => Metrics.Rows == 0 ? 0 : Metrics.Last("seconds");

    /// <summary>Takes in what was written since.</summary>
    /// <exception cref="IOException">A file cannot be read.</exception>
    public void Update()
    {
        Configuration = RunConfiguration.Read(Folder);

        // The state first: a run that ends meanwhile is then seen again.
        var isRunning = RunLock.IsHeldIn(Folder);
        Events = RunEvents.Read(Path.Combine(Folder, RunFiles.Journal));
        Metrics.Update();
        State = isRunning ? RunState.Running : End(Folder, Events, Steps, Configuration.TotalSteps);
    }

    /// <summary>How a run has ended that nobody trains now.</summary>
    public static RunState End(string folder, RunEvents events, long steps, long? totalSteps) =>
        events.Last?.Type switch
        {
            RunEvents.Finished => RunState.Finished,
            RunEvents.Failed => RunState.Failed,
            null when File.Exists(Path.Combine(folder, RunFiles.Failure)) => RunState.Failed,
            null when steps >= totalSteps => RunState.Finished,
            _ => RunState.Interrupted,
        };
}
