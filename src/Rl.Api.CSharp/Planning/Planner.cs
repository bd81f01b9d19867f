using System;
using System.Collections.Generic;
using System.Threading;
using Rl.Core.Acting;
using Rl.Core.Environments;
using Rl.Core.Foundations;
using Rl.Core.Planning;
using Rl.Internal;

namespace Rl;

/// <summary>What is known of a planner.</summary>
/// <param name="Id">The id for <see cref="Planner.Of"/>.</param>
/// <param name="Name">Its name.</param>
/// <param name="Summary">One line that says what it does.</param>
/// <param name="Source">Where it is described: authors and year.</param>
/// <param name="Options">What may be set.</param>
public sealed record PlannerDescription(
    string Id, string Name, string Summary, string Source, IReadOnlyList<PlannerOption> Options);

/// <summary>An option of a planner.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Default">Its default as text.</param>
/// <param name="Range">What it must be, for example <c>at least 1</c>.</param>
public sealed record PlannerOption(string Name, string Default, string Range);

/// <summary>Decides by thinking ahead, without having learnt anything: it tries actions in copies of the environment's
/// state, or in a model of yours, and takes those that return most. A value: what it remembers within an episode
/// belongs to the episode.</summary> <remarks>It plans in every environment of the library and in those of your own
/// that are an <see cref="ICloneableEnvironment"/>, in none that has wrappers. A clone goes on with its original's
/// randomness, which the planner thereby foresees; in environments of the library it does not.</remarks>
public sealed class Planner
{
    private const int Copies = 8;

    private readonly PlannerChoice choice;
    private readonly PlanningModel? model;

    private Planner(PlannerChoice choice, PlanningModel? model) => (this.choice, this.model) = (choice, model);

    /// <summary>Every planner that <see cref="Of"/> knows.</summary>
    public static IReadOnlyList<PlannerDescription> All { get; } = Convert.PlannerDescriptions();

    /// <summary>Its id, for example <c>cem</c>.</summary>
    public string Id => choice.Id;

    /// <summary>Every option as text.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Settings => Convert.ToList(choice.Options);

    /// <summary>The planner of an id, with the named options.</summary>
    /// <param name="id">One of <see cref="All"/>.</param>
    /// <param name="settings">Names and values as texts, for example <c>("Horizon", "40")</c>.</param>
    /// <exception cref="ArgumentException">There is no such planner or option, or a value does not fit; the message
    /// lists what there is.</exception>
    public static Planner Of(string id, params IEnumerable<(string Name, string Value)> settings)
    {
        ArgumentNullException.ThrowIfNull(id);
        ArgumentNullException.ThrowIfNull(settings);
        return new(Convert.Choose(id, settings), null);
    }

    /// <summary>Tries sequences of actions at random and takes the best.</summary>
    public static Planner RandomShooting(RandomShootingPlannerOptions? options = null) =>
        Of("shooting", (options ?? new()).Settings());

    /// <summary>Fits a distribution over sequences of actions to the best of them, several times a step.</summary>
    public static Planner CrossEntropy(CrossEntropyPlannerOptions? options = null) =>
        Of("cem", (options ?? new()).Settings());

    /// <summary>The cross-entropy method with noise that is correlated over time and a memory of the best
    /// sequences.</summary>
    public static Planner ImprovedCrossEntropy(ImprovedCrossEntropyPlannerOptions? options = null) =>
        Of("icem", (options ?? new()).Settings());

    /// <summary>Moves a plan to the mean of noisy plans, weighted exponentially by what they return: MPPI.</summary>
    public static Planner PathIntegral(PathIntegralPlannerOptions? options = null) =>
        Of("mppi", (options ?? new()).Settings());

    /// <summary>Improves a sequence of continuous actions by derivatives, within their bounds: iLQR, or DDP where the
    /// second derivatives of the dynamics are used. For environments that offer their state as numbers (Pendulum-v1,
    /// CartPoleSwingUp-v0, LinearQuadraticRegulator-v0, MuJoCo's robots), and through a model of your own.</summary>
    public static Planner IterativeLinearQuadratic(DifferentialPlannerOptions? options = null) =>
        Of((options ?? new()).IsSecondOrder ? "ddp" : "ilqr", (options ?? new()).Settings());

    /// <summary>Grows a tree of states; for discrete actions.</summary>
    public static Planner TreeSearch(TreeSearchPlannerOptions? options = null) =>
        Of((options ?? new()).IsPuct ? "puct" : "uct", (options ?? new()).Settings());

    /// <summary>The same planner, which thinks in a model instead of the environment; the model's states are what is
    /// observed.</summary> <param name="model">What follows a state and an action. Called by several threads at once
    /// where an evaluation has several.</param>
    public Planner Through(PlanningModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        return new(choice, model);
    }

    /// <summary>Runs whole episodes.</summary>
    /// <param name="environment">The environment; it is not changed.</param>
    /// <param name="episodes">How many; at least 1.</param>
    /// <param name="seed">Where all randomness comes from.</param>
    /// <param name="threads">Threads that plan; 0 for one a processor core. Results do not depend on it.</param>
    /// <param name="cancellationToken">Stops between two steps.</param>
    /// <exception cref="ArgumentException">The environment cannot be planned in, or its actions cannot be searched; the
    /// message says why and what to do.</exception>
    /// <exception cref="EnvironmentException">The environment failed.</exception>
    public EvaluationResult Evaluate(
        IEnvironment environment,
        int episodes = 20,
        ulong seed = 1,
        int threads = 0,
        CancellationToken cancellationToken = default) =>
        Performance.Evaluate(
            EnvironmentSource.Of(environment), Players, Copies, episodes, seed, threads, cancellationToken);

    /// <summary>Runs whole episodes in an environment of your own.</summary>
    /// <param name="environment">Makes a copy each time it is called.</param>
    /// <param name="episodes">How many; at least 1.</param>
    /// <param name="seed">Where all randomness comes from.</param>
    /// <param name="threads">Threads that plan; 0 for one a processor core. Results do not depend on it.</param>
    /// <param name="cancellationToken">Stops between two steps.</param>
    /// <exception cref="ArgumentException">The environment cannot be planned in, or its actions cannot be searched; the
    /// message says why and what to do.</exception>
    public EvaluationResult Evaluate(
        Func<IEnvironment> environment,
        int episodes = 20,
        ulong seed = 1,
        int threads = 0,
        CancellationToken cancellationToken = default) =>
        Performance.Evaluate(
            EnvironmentSource.Of(environment), Players, Copies, episodes, seed, threads, cancellationToken);

    /// <summary>Episodes to look at or to record.</summary>
    /// <param name="environment">The environment; it is not changed.</param>
    /// <param name="episodes">How many; at least 1.</param>
    /// <param name="seed">Where all randomness comes from.</param>
    public Playback Play(IEnvironment environment, int episodes = 1, ulong seed = 1) =>
        Performance.Play(EnvironmentSource.Of(environment), Players, episodes, seed);

    /// <summary>Episodes in an environment of your own, to look at or to record.</summary>
    /// <param name="environment">Makes a copy each time it is called.</param>
    /// <param name="episodes">How many; at least 1.</param>
    /// <param name="seed">Where all randomness comes from.</param>
    public Playback Play(Func<IEnvironment> environment, int episodes = 1, ulong seed = 1) =>
        Performance.Play(EnvironmentSource.Of(environment), Players, episodes, seed);

    /// <summary>An actor for a loop of your own: each call of <see cref="IActor.Act"/> thinks ahead from where the
    /// environment stands.</summary>
    /// <param name="environment">The environment that you step, itself.</param>
    /// <param name="seed">Where the planner's randomness comes from.</param>
    /// <exception cref="ArgumentException">The environment cannot be planned in.</exception>
    public IActor In(IEnvironment environment, ulong seed = 1)
    {
        ArgumentNullException.ThrowIfNull(environment);
        var batch = environment is BuiltInEnvironment builtIn
            ? builtIn.Running
            : Failures.Translate(() => EnvironmentSource.BatchOf(environment));
        return new Thinking(Players(batch)(0), environment, RngModule.create(seed));
    }

    /// <summary>The id with the options.</summary>
    public override string ToString() => $"{Id} ({string.Join(", ", Convert.Lines(Settings))})";

    private Func<int, IPlayer> Players(BatchEnvironment batch)
    {
        // Each copy's player has places of its own: they plan on different threads.
        return copy => Convert.Player(choice, SimulatorOf(batch), copy);
    }

    private Simulator SimulatorOf(BatchEnvironment batch)
    {
        if (model is not { } transition)
        {
            return batch.RequireSimulator(choice.Places);
        }

        return new FunctionSimulator(
            $"the model of {batch.Id}",
            batch.ObservationSpace,
            batch.ActionSpace,
            (state, action, next) =>
            {
                var result = transition(state, action);
                if (result.Observation.Length != next.Length)
                {
                    throw new InvalidOperationException(
                        $"The model returned a state of {result.Observation.Length} elements; "
                            + $"{batch.ObservationSpace} needs {next.Length}.");
                }

                result.Observation.Span.CopyTo(next);
                return new(result.Reward, result.Terminated, result.Truncated);
            },
            choice.Places);
    }

    private sealed class Thinking(IPlayer player, IEnvironment environment, Rng key) : IActor
    {
        private readonly IMaskedEnvironment? masked = Abilities.Masked(environment);
        private readonly bool[] mask =
            Abilities.Masked(environment) is null ? [] : new bool[environment.ActionSpace.Choices];

        private Rng key = key;

        public void Begin() => player.Begin();

        public void Act(ReadOnlySpan<float> observation, Span<float> action)
        {
            masked?.ActionMask(mask);
            key = player.Act(observation, mask, action, key);
        }
    }
}
