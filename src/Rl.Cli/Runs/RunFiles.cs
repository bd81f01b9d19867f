namespace Rl.Cli.Runs;

/// <summary>The names of the files of a run.</summary>
internal static class RunFiles
{
    public const string Configuration = "configuration.json";
    public const string Metrics = "metrics.csv";
    public const string Agent = "agent.rl";
    public const string Best = "best.rl";
    public const string BestEvaluation = "best.json";
    public const string Curve = "learning-curve.png";
    public const string BeforeFailure = "before-failure.rl";
    public const string Failure = "failure.batch";
    public const string Monitor = "monitor.csv";
    public const string JsonLines = "progress.jsonl";

    /// <summary>What happened to the run: sessions, warnings, evaluations, ends.</summary>
    public const string Journal = "journal.jsonl";

    /// <summary>The page of <c>rl report</c>.</summary>
    public const string Report = "report.html";

    /// <summary>TensorBoard's files, one a session.</summary>
    public const string Events = "events.out.tfevents.*";

    /// <summary>What a run may leave behind and another may replace.</summary>
    public static string[] All { get; } =
    [
        Configuration, Metrics, Agent, Best, BestEvaluation, Curve, BeforeFailure, Failure, Monitor, JsonLines,
        Journal, Report,
    ];
}
