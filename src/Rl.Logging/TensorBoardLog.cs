using System;
using System.IO;
using System.Linq;
using Rl.Logging.Internal;

namespace Rl.Logging;

/// <summary>A log for TensorBoard: curves, histograms of the parameters by name and of remembered actions, the options
/// as hyper-parameters and as a text, warnings, and what you add. <c>tensorboard --logdir</c> shows the folder, or the
/// folder above several runs.</summary>
/// <remarks>Each session of a run writes a file of its own; the curves of an agent that goes on from a file continue
/// where it was saved. Numbers that are not finite are kept as they are, and TensorBoard marks them. Two runs want two
/// folders: in one their points would be one curve.</remarks>
public sealed class TensorBoardLog : TrainingLog
{
    private const long Histograms = 50;
    private const int MostActions = 4096;

    private readonly EventFile file;
    private readonly LoggedNumbers numbers;
    private readonly long? histogramEverySteps;
    private long histogramsDue;
    private bool isDone;

    /// <summary>Opens a log of an agent that is to be trained.</summary>
    /// <param name="agent">What trains.</param>
    /// <param name="folder">The run's folder; it is made if it is missing.</param>
    /// <param name="options">What the log holds; null for the defaults.</param>
    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    /// <exception cref="IOException">The folder cannot be written; the message names it.</exception>
    public TensorBoardLog(Agent agent, string folder, TensorBoardOptions? options = null)
        : this(agent, folder, options, null)
    {
    }

    internal TensorBoardLog(
        Agent agent, string folder, TensorBoardOptions? options, Func<string, FileMode, Stream>? open)
        : base(agent, Named(folder), Valid(ref options).EverySteps)
    {
        histogramEverySteps = options!.HistogramEverySteps;
        numbers = LoggedNumbers.Of(options.Keys, agent);

        // What was logged at the agent's own steps stands; what came later was lost with the process that logged it.
        file = EventFile.Create(Path, FirstSteps == 0 ? 0 : FirstSteps + 1, open);
        var parameters = new HyperParameters(agent);
        Attempt(() => file.WriteSummary(FirstSteps, summary =>
        {
            parameters.Begin(summary, [numbers.EvaluationReturn, numbers.MeanReturn]);
            summary.Markdown("options", parameters.Markdown());
        }));
    }

    /// <summary>Adds a number of your own.</summary>
    /// <param name="tag">Its name; what stands before a '/' groups curves.</param>
    /// <param name="value">The number.</param>
    /// <param name="steps">The environment steps that it belongs to.</param>
    public void AddScalar(string tag, double value, long steps)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(tag);
        Attempt(() => file.WriteSummary(steps, summary => summary.Scalar(tag, value)));
    }

    /// <summary>Adds how numbers are spread, in 30 equally wide buckets; those that are not finite are left
    /// out.</summary>
    /// <param name="tag">Its name; what stands before a '/' groups histograms.</param>
    /// <param name="values">The numbers; without a finite one nothing is added.</param>
    /// <param name="steps">The environment steps that they belong to.</param>
    public void AddHistogram(string tag, ReadOnlySpan<float> values, long steps)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(tag);
        if (Histogram.Of(values) is { } histogram)
        {
            Attempt(() => file.WriteSummary(steps, summary => summary.Histogram(tag, histogram)));
        }
    }

    /// <summary>Adds a text in Markdown.</summary>
    /// <param name="tag">Its name.</param>
    /// <param name="text">The text.</param>
    /// <param name="steps">The environment steps that it belongs to.</param>
    public void AddText(string tag, string text, long steps)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(tag);
        ArgumentNullException.ThrowIfNull(text);
        Attempt(() => file.WriteSummary(steps, summary => summary.Markdown(tag, text)));
    }

    /// <summary>Adds a picture, for example <c>Picture.Draw(frame.Scene).ToPng()</c> of Rl.Rendering, or an animation
    /// that <c>agent.Record</c> wrote.</summary>
    /// <param name="tag">Its name.</param>
    /// <param name="picture">The bytes of a PNG or GIF file.</param>
    /// <param name="steps">The environment steps that it belongs to.</param>
    /// <exception cref="ArgumentException">They are of no such file.</exception>
    public void AddImage(string tag, ReadOnlyMemory<byte> picture, long steps)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(tag);
        var known = PictureFile.Of(picture);
        Attempt(() => file.WriteSummary(steps, summary => summary.Picture(tag, known)));
    }

    /// <summary>Adds the mean return and length of an evaluation.</summary>
    /// <param name="evaluation">The evaluation.</param>
    /// <param name="steps">The environment steps before it.</param>
    public void AddEvaluation(EvaluationResult evaluation, long steps)
    {
        ArgumentNullException.ThrowIfNull(evaluation);
        Attempt(() => file.WriteSummary(steps, summary =>
        {
            summary.Scalar(numbers.EvaluationReturn, evaluation.Mean);
            summary.Scalar(numbers.EvaluationLength, evaluation.Lengths.Average());
        }));
    }

    /// <inheritdoc/>
    protected internal override void OnEvaluated(TrainingContext context, EvaluationResult evaluation)
    {
        ArgumentNullException.ThrowIfNull(context);
        AddEvaluation(evaluation, context.Agent.Steps);
    }

    private protected override void Write(TrainingProgress now)
    {
        file.WriteSummary(now.Steps, summary =>
        {
            foreach (var (key, value) in numbers.Curves(now))
            {
                summary.Scalar(key, value);
            }

            if (now.Warnings.Count > 0)
            {
                summary.Markdown(
                    "warnings",
                    string.Join("\n\n", now.Warnings.Select(warning => $"update {warning.Update}: {warning.Message}")));
            }
        });
        isDone = now.Steps >= now.TotalSteps;
        var every = histogramEverySteps ?? Math.Max(1, (now.TotalSteps - FirstSteps) / Histograms);
        if (every > 0 && now.Steps >= histogramsDue)
        {
            WriteHistograms(now.Steps);
            histogramsDue = now.Steps + every;
        }
    }

    private protected override void Finish() =>
        file.WriteSummary(Agent.Steps, summary => HyperParameters.End(summary, isDone));

    private protected override void Save() => file.Flush();

    private protected override void Close() => file.Dispose();

    private static string Named(string folder)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        return folder;
    }

    private static TensorBoardOptions Valid(ref TensorBoardOptions? options)
    {
        options ??= new();
        options.Validate();
        return options;
    }

    private void WriteHistograms(long steps) => file.WriteSummary(steps, summary =>
    {
        foreach (var block in Agent.ParameterBlocks)
        {
            if (Histogram.Of(block.Values.Span) is { } histogram)
            {
                summary.Histogram($"parameters/{block.Name}", histogram);
            }
        }

        var actions = Agent.RememberedActions(MostActions);
        var size = Agent.ActionSpace.Size;
        for (var component = 0; component < size && actions.Length > 0; component++)
        {
            var values = new float[actions.Length / size];
            for (var step = 0; step < values.Length; step++)
            {
                values[step] = actions[(step * size) + component];
            }

            if (Histogram.Of(values) is { } histogram)
            {
                summary.Histogram(size == 1 ? "actions" : $"actions/{component}", histogram);
            }
        }
    });
}
