using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using Microsoft.FSharp.Collections;
using Microsoft.FSharp.Core;
using Rl.Core.Environments;
using Rl.Core.Foundations;
using Rl.Core.Learning;

namespace Rl.Internal;

/// <summary>Between C#'s types and F#'s: the one class that knows both.</summary>
internal static partial class Convert
{
    public static Rng Key(Random random) => RngModule.create((ulong)random.NextInt64());

    /// <summary>The bytes of a snapshot of the batch, which is reset.</summary>
    public static int SnapshotBytes(BatchEnvironment batch)
    {
        batch.Reset(RngModule.create(0));
        return batch.Capture().Bytes.Length;
    }

    /// <summary>Takes a step of every copy with any possible actions.</summary>
    public static void Step(BatchEnvironment batch)
    {
        batch.Observe(new float[batch.Count * batch.ObservationSize]);
        var choices = batch.ActionSpace.Choices;
        var masks = new bool[batch.HasActionMasks ? batch.Count * choices : 0];
        if (masks.Length > 0)
        {
            batch.ActionMasks(0, batch.Count, masks);
        }

        var actions = new float[batch.Count * batch.ActionSize];
        var rng = RngModule.create(0);
        for (var copy = 0; copy < batch.Count; copy++)
        {
            var action = actions.AsSpan(copy * batch.ActionSize, batch.ActionSize);
            rng = masks.Length > 0
                ? batch.ActionSpace.Sample(rng, masks.AsSpan(copy * choices, choices), action)
                : batch.ActionSpace.Sample(rng, action);
        }

        batch.StepAll(actions, batch.AllocateBuffers());
    }

    public static Core.Environments.Space Box(float low, float high, int[] shape) =>
        SpaceModule.boxOf(low, high, shape);

    public static Core.Environments.Space Box(IReadOnlyList<float> low, IReadOnlyList<float> high, int[] shape) =>
        SpaceModule.box([.. low.Select(bound => (double)bound)], [.. high.Select(bound => (double)bound)], shape);

    public static Core.Environments.Space Discrete(int count, int start) => SpaceModule.discreteFrom(start, count);

    public static Core.Environments.Space MultiDiscrete(IReadOnlyList<int> counts, IReadOnlyList<int> starts) =>
        SpaceModule.multiDiscreteFrom([.. starts], [.. counts]);

    public static Core.Environments.Space MultiBinary(int[] shape) => SpaceModule.multiBinary(shape);

    public static Core.Environments.Space Tuple(IReadOnlyList<Space> parts) =>
        SpaceModule.tuple(ListModule.OfSeq(parts.Select(part => Given(part, nameof(parts)))));

    public static Core.Environments.Space Dict(IReadOnlyList<(string Name, Space Space)> entries) =>
        SpaceModule.dict(
            ListModule.OfSeq(
                entries.Select(entry => System.Tuple.Create(entry.Name, Given(entry.Space, nameof(entries))))));

    public static Space ToSpace(Core.Environments.Space space) => space switch
    {
        Core.Environments.Space.Box => BoxSpace.Of(space),
        Core.Environments.Space.Discrete => DiscreteSpace.Of(space),
        Core.Environments.Space.MultiDiscrete => MultiDiscreteSpace.Of(space),
        Core.Environments.Space.MultiBinary => MultiBinarySpace.Of(space),
        Core.Environments.Space.Tuple => TupleSpace.Of(space),
        _ => DictSpace.Of(space),
    };

    public static IEnumerable<(string Name, Space Space)> Parts(Core.Environments.Space space) =>
        space.Parts.Select(part => (part.Item1, ToSpace(part.Item2)));

    public static IReadOnlyList<SpacePart> Layout(Core.Environments.Space space) =>
        Array.AsReadOnly(
            SpaceModule.layout(space)
                .Select(part => new SpacePart(part.Path, part.Offset, ToSpace(part.Space))).ToArray());

    public static int EncodedSize(Core.Environments.Space space) => SpaceModule.encodedSize(space);

    public static float[] Encode(Core.Environments.Space space, ReadOnlySpan<float> value)
    {
        var encoded = new float[SpaceModule.encodedSize(space)];
        SpaceModule.encode(space, value, encoded);
        return encoded;
    }

    public static float[] Decode(Core.Environments.Space space, ReadOnlySpan<float> encoded)
    {
        var value = new float[space.Size];
        SpaceModule.decode(space, encoded, value);
        return value;
    }

    public static IReadOnlyList<KeyValuePair<string, float[]>> Unflatten(
        Core.Environments.Space space, ReadOnlySpan<float> value) =>
        Array.AsReadOnly(
            SpaceModule.unflatten(space, value).Select(part => KeyValuePair.Create(part.Item1, part.Item2)).ToArray());

    public static float[] Flatten(Core.Environments.Space space, IEnumerable<KeyValuePair<string, float[]>> parts) =>
        SpaceModule.flatten(space, ListModule.OfSeq(parts.Select(part => System.Tuple.Create(part.Key, part.Value))));

    public static BatchEnvironment Wrap(BatchEnvironment batch, IEnumerable<Core.Wrappers.Wrapper> wrappers) =>
        Core.Wrappers.WrapperModule.apply(ListModule.OfSeq(wrappers), batch);

    public static Core.Wrappers.Wrapper TransformObservation(string name, RowFunction transform, Space? space)
    {
        ArgumentNullException.ThrowIfNull(transform);
        return Core.Wrappers.WrapperModule.transformObservation(name, Optional(space), new(transform));
    }

    public static Core.Wrappers.Wrapper TransformAction(string name, RowFunction transform, Space? space)
    {
        ArgumentNullException.ThrowIfNull(transform);
        return Core.Wrappers.WrapperModule.transformAction(name, Optional(space), new(transform));
    }

    public static Core.Wrappers.Wrapper TransformReward(string name, Func<double, double> transform)
    {
        ArgumentNullException.ThrowIfNull(transform);
        return Core.Wrappers.WrapperModule.transformReward(name, FuncConvert.FromFunc(transform));
    }

    public static Core.Wrappers.Wrapper FrameStack(int size, FramePadding padding) =>
        Core.Wrappers.Wrapper.NewFrameStackObservation(
            size,
            padding == FramePadding.Zero ? Core.Wrappers.FramePadding.Zero : Core.Wrappers.FramePadding.Reset);

    public static Core.Wrappers.Wrapper[] AtariPreprocessing(int skip, int size, int stack) =>
        [.. Core.Wrappers.WrapperModule.atariPreprocessingOf(skip, size, stack)];

    public static Core.Wrappers.Wrapper FilterObservation(IReadOnlyList<string> names)
    {
        ArgumentNullException.ThrowIfNull(names);
        return Core.Wrappers.Wrapper.NewFilterObservation(ListModule.OfSeq(names));
    }

    /// <summary>Domain randomisation; what is not given stays as the model has it.</summary>
    public static Core.Wrappers.Wrapper RandomizeDynamics(
        double[]? mass,
        double[]? friction,
        double[]? damping,
        double[]? strength,
        int[]? actionDelay,
        double[]? observationNoise,
        IReadOnlyList<string>? bodies,
        bool privileged)
    {
        static DrawRange Range(double[]? bounds, string name, DrawRange standard) => bounds switch
        {
            null => standard,
            [var low, var high] => new(low, high),
            _ => throw new ArgumentException(
                $"{name} has {bounds.Length} numbers; it must have two, the lower bound and the upper one.", name),
        };

        var none = DynamicsRangesModule.none;
        return Core.Wrappers.Wrapper.NewRandomizeDynamics(new(
            Range(mass, nameof(mass), none.Mass),
            Range(friction, nameof(friction), none.Friction),
            Range(damping, nameof(damping), none.Damping),
            Range(strength, nameof(strength), none.Strength),
            Range(
                actionDelay is null ? null : Array.ConvertAll(actionDelay, bound => (double)bound),
                nameof(actionDelay),
                none.ActionDelay),
            Range(observationNoise, nameof(observationNoise), none.ObservationNoise),
            ListModule.OfSeq(bodies ?? []),
            privileged));
    }

    public static IReadOnlyList<Core.Wrappers.Wrapper> Wrappers(Core.Training.Wrapping wrapping) =>
        [.. wrapping.Wrappers];

    /// <summary>Whether every function of the wrappers is there.</summary>
    public static bool IsComplete(Core.Training.Wrapping wrapping) =>
        wrapping.Wrappers.All(Core.Wrappers.WrapperModule.isComplete);

    /// <summary>Whether a wrapper is a user's own function.</summary>
    public static bool HasFunctions(IEnumerable<Core.Wrappers.Wrapper> wrappers) =>
        wrappers.Any(
            wrapper => wrapper.IsTransformObservation || wrapper.IsTransformReward || wrapper.IsTransformAction);

    /// <summary>Whether the batch has the wrappers that a snapshot was taken within.</summary>
    public static bool HasWrappersOf(BatchEnvironment batch, BatchSnapshot snapshot) =>
        batch.Wrappers.SequenceEqual(snapshot.Wrappers);

    public static FSharpList<T> ListOf<T>(IEnumerable<T> items) => ListModule.OfSeq(items);

    public static FSharpFunc<TArgument, TResult> FunctionOf<TArgument, TResult>(Func<TArgument, TResult> function) =>
        FuncConvert.FromFunc(function);

    public static IReadOnlyList<int> ToList(FSharpList<int> items) => ValueList<int>.Of(items, nameof(items));

    public static IReadOnlyList<KeyValuePair<string, string>> ToList(IEnumerable<Tuple<string, string>> pairs) =>
        Array.AsReadOnly(pairs.Select(pair => KeyValuePair.Create(pair.Item1, pair.Item2)).ToArray());

    public static FSharpList<Tuple<string, string>> ToPairs(IEnumerable<Tuple<string, string>> pairs) =>
        ListModule.OfSeq(pairs.Select(pair =>
            pair.Item2 is null
                ? throw new ArgumentNullException(
                    pair.Item1, $"{pair.Item1} is null; give it a value, or leave it out for the default.")
                : pair));

    public static FSharpList<Tuple<string, string>> ToPairs(IEnumerable<KeyValuePair<string, string>> pairs) =>
        ListModule.OfSeq(pairs.Select(pair => System.Tuple.Create(pair.Key, pair.Value)));

    public static string Text(long value) => value.ToString(CultureInfo.InvariantCulture);

    public static string Text(double value) => value.ToString("R", CultureInfo.InvariantCulture);

    public static string Text(bool value) => value ? "true" : "false";

    public static IEnumerable<string> Lines(IEnumerable<KeyValuePair<string, string>> pairs) =>
        pairs.Select(pair => $"{pair.Key}={pair.Value}");

    public static int Number(KeyValuePair<string, string> setting) =>
        int.TryParse(setting.Value, NumberStyles.Integer, CultureInfo.InvariantCulture, out var value)
            ? value
            : throw new ArgumentException(
                $"{setting.Key} is \"{setting.Value}\"; it must be a whole number.", setting.Key);

    /// <summary>The three candidates with the fewest edits.</summary>
    public static IEnumerable<string> Nearest(string id, IEnumerable<string> candidates) =>
        Registry.nearestOf(candidates, id);

    public static IReadOnlyList<string> EnvironmentIds() => Array.AsReadOnly(Registry.ids.ToArray());

    public static EnvironmentDescription Describe(string id)
    {
        if (Registered.Environment(id) is { } own)
        {
            return new(
                id, own.Summary, ToSpace(own.ObservationSpace), ToSpace(own.ActionSpace), own.MaxEpisodeSteps,
                own.RewardThreshold, [], own.HasActionMasks);
        }

        if (EnvironmentFamilies.Find(id, []) is { } member)
        {
            return new(
                id, "An environment of another program.", ToSpace(member.ObservationSpace), ToSpace(member.ActionSpace),
                member.MaxEpisodeSteps, member.RewardThreshold, [], member.HasActionMasks);
        }

        var entry = Registry.find(id);
        var environment = Registry.make(id);
        return new(
            entry.Id,
            entry.Summary,
            ToSpace(environment.ObservationSpace),
            ToSpace(environment.ActionSpace),
            environment.MaxEpisodeSteps,
            environment.RewardThreshold,
            [
                .. entry.Keywords.Select(keyword =>
                    new EnvironmentOption(
                        keyword.Name, keyword.Default.ToString(), [.. keyword.Choices], keyword.Summary)),
            ],
            environment.Vectorise(1).HasActionMasks);
    }

    public static string? Notice(string id)
    {
        ArgumentNullException.ThrowIfNull(id);
        return Registry.notice(id)?.Value;
    }

    public static AnyEnvironment MakeEnvironment(string id, IReadOnlyList<(string Name, string Value)> options)
    {
        if (Registered.Environment(id) is { } own)
        {
            return options.Count == 0
                ? own
                : throw new ArgumentException(
                    $"{id} has no option \"{options[0].Name}\"; it is a class of yours and takes none.",
                    options[0].Name);
        }

        if (EnvironmentFamilies.Find(id, options) is { } member)
        {
            return member;
        }

        var entry = Registry.find(id);
        var keywords = options.Select(option =>
        {
            var keyword = entry.Keywords.FirstOrDefault(known => known.Name == option.Name);
            return System.Tuple.Create(option.Name, KeywordOf(keyword, option.Value));
        });
        return Registry.makeWith(ListModule.OfSeq(keywords), id);
    }

    public static IReadOnlyList<ContractFinding> Check(AnyEnvironment environment, ulong seed, int steps) =>
        Findings(EnvironmentModule.check(Walks(seed, steps), environment));

    public static IReadOnlyList<ContractFinding> Check(Func<int, BatchEnvironment> create, ulong seed, int steps) =>
        Findings(EnvironmentModule.checkBatch(
            Walks(seed, steps),
            Microsoft.FSharp.Core.FuncConvert.FromFunc(create)));

    public static (string Name, double Value)[] Metrics(Report report) =>
        Array.ConvertAll(report.Metrics, metric => (metric.Item1, metric.Item2));

    /// <summary>What is new to say after a report and the state that it led to; the watch moves on.</summary>
    public static IReadOnlyList<TrainingWarning> Warnings(
        Report report, Learner learner, TrainingState state, ref Core.Training.TrainingWatch watch)
    {
        var (reported, ofReport) = Core.Training.Warnings.observe(report, watch);
        (reported, var ofState) = Core.Training.Warnings.observeState(state, reported);
        (reported, var ofEnvironment) =
            Core.Training.Warnings.observeEnvironment(learner.Environment, report, reported);
        (watch, var ofScales) = Core.Training.ScaleWarnings.observe(learner, state, reported);
        var raised = ListModule.Append(
            ofReport, ListModule.Append(ofState, ListModule.Append(ofEnvironment, ofScales)));
        return raised.IsEmpty
            ? []
            : Array.AsReadOnly(
                raised.Select(
                    warning => new TrainingWarning(
                        (TrainingWarningKind)warning.Kind, warning.Update, warning.Message)).ToArray());
    }

    public static Core.Training.Checkpoint ToCheckpoint(
        AgentOptions options,
        string environmentId,
        ulong seed,
        PolicyModel policy,
        IEnumerable<KeyValuePair<string, string>> notes,
        Core.Training.Wrapping wrapping,
        TrainingState state) =>
        new(
            options.Algorithm,
            environmentId,
            seed,
            policy.ObservationSpace,
            policy.ActionSpace,
            policy.Network,
            ToPairs(options.ToSettings()),
            ToPairs(notes),
            wrapping,
            state);

    public static IReadOnlyList<KeyValuePair<string, string>> Settings(Core.Training.Checkpoint checkpoint) =>
        ToList(checkpoint.Options);

    public static IReadOnlyList<KeyValuePair<string, string>> Notes(Core.Training.Checkpoint checkpoint) =>
        ToList(checkpoint.Notes);

    private static ContractOptions Walks(ulong seed, int steps) =>
        new(seed, steps, EnvironmentModule.contractDefaults.Copies);

    private static System.Collections.ObjectModel.ReadOnlyCollection<ContractFinding> Findings(
        FSharpList<Core.Environments.ContractFinding> findings) =>
        Array.AsReadOnly(findings.Select(finding => new ContractFinding(
            (ContractRule)finding.Rule,
            finding.IsAdvice,
            finding.Place,
            finding.Problem,
            finding.Remedy,
            finding.Occurrences)).ToArray());

    private static FSharpOption<Core.Environments.Space>? Optional(Space? space) =>
        space is null ? null : FSharpOption<Core.Environments.Space>.Some(space.Core);

    private static Core.Environments.Space Given(Space? space, string name) =>
        space?.Core ?? throw new ArgumentNullException(name, "One of the spaces is null.");

    public static Core.Environments.Rendering.Scene ToCore(
        int width,
        int height,
        Colour background,
        IEnumerable<Core.Environments.Rendering.Figure> figures) =>
            new(width, height, SceneConvert.ToCore(background), ListModule.OfSeq(figures));

    private static KeywordValue KeywordOf(Keyword? keyword, string text) => keyword?.Default switch
    {
        { IsFlag: true } when bool.TryParse(text, out var flag) => KeywordValue.NewFlag(flag),
        { IsNumber: true } when double.TryParse(
            text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) =>
            KeywordValue.NewNumber(number),
        _ => KeywordValue.NewText(text),
    };
}
