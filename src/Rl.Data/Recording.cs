using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Linq;
using System.Threading.Tasks;

namespace Rl.Data;

/// <summary>Chooses an action for what an environment shows.</summary>
/// <param name="observation">What the environment's latest reset or step returned.</param>
/// <param name="environment">The environment, for example for its action mask.</param>
/// <param name="random">Where draws come from; its seed follows from that of the recording and the episode.</param>
/// <param name="action">Receives the action, in the environment's numbers.</param>
public delegate void RecordedPolicy(
    ReadOnlySpan<float> observation, IEnvironment environment, Random random, Span<float> action);

/// <summary>Records episodes, reproducibly: each has a seed of its own, which follows from the recording's seed and the
/// episode's number, so that the number of threads changes nothing.</summary>
public static class Recording
{
    /// <summary>Records uniform random actions, among those that are possible.</summary>
    /// <param name="environment">Makes a copy of the environment at each call.</param>
    /// <param name="steps">How many steps in all, at least 1; the last episode is truncated there.</param>
    /// <param name="seed">Where all randomness comes from.</param>
    /// <param name="threads">Threads; 0 for one a core.</param>
    public static IEnumerable<DatasetEpisode> AtRandom(
        Func<IEnvironment> environment, long steps, ulong seed, int threads = 0) =>
        Of(() => Random, environment, steps, seed, threads);

    /// <summary>Records a policy.</summary>
    /// <param name="policy">What acts.</param>
    /// <param name="environment">Makes a copy of the environment at each call; with the policy's spaces.</param>
    /// <param name="steps">How many steps in all, at least 1; the last episode is truncated there.</param>
    /// <param name="seed">Where all randomness comes from.</param>
    /// <param name="deterministic">Take the most probable actions; else draw them.</param>
    /// <param name="threads">Threads; 0 for one a core.</param>
    /// <exception cref="ArgumentException">The environment has other spaces.</exception>
    public static IEnumerable<DatasetEpisode> Record(
        this Policy policy,
        Func<IEnvironment> environment,
        long steps,
        ulong seed,
        bool deterministic = false,
        int threads = 0)
    {
        ArgumentNullException.ThrowIfNull(policy);
        ArgumentNullException.ThrowIfNull(environment);
        var first = environment();
        if (!first.ObservationSpace.Equals(policy.ObservationSpace) || !first.ActionSpace.Equals(policy.ActionSpace))
        {
            throw new ArgumentException(
                $"{first.Name} has observations {first.ObservationSpace} and actions {first.ActionSpace}; the policy "
                + $"needs {policy.ObservationSpace} and {policy.ActionSpace}.",
                nameof(environment));
        }

        (first as IDisposable)?.Dispose();
        return Waves(() => Acting(policy, deterministic), environment, steps, seed, threads);
    }

    /// <summary>Records an agent as it is now, in the environment that it was made for.</summary>
    /// <param name="agent">What acts; it may train on meanwhile.</param>
    /// <param name="steps">How many steps in all, at least 1; the last episode is truncated there.</param>
    /// <param name="seed">Where all randomness comes from.</param>
    /// <param name="deterministic">Take the most probable actions; else draw them.</param>
    /// <exception cref="ArgumentException">Its environment is none of the library's; give
    /// <see cref="Record(Policy, Func{IEnvironment}, long, ulong, bool, int)"/> a way to make copies.</exception>
    public static IEnumerable<DatasetEpisode> Record(
        this Agent agent, long steps, ulong seed, bool deterministic = false)
    {
        ArgumentNullException.ThrowIfNull(agent);
        var environment = agent.BuiltIn ?? throw new ArgumentException(
            $"The agent's environment {agent.EnvironmentId} is none of the library's; use agent.ToPolicy().Record with "
            + "a function that makes copies of yours.",
            nameof(agent));
        return agent.ToPolicy().Record(() => Copy(environment), steps, seed, deterministic);
    }

    /// <summary>Records what a function does: an expert of rules, a controller.</summary>
    /// <param name="policy">Makes what acts in one episode, so that it may remember; called from any thread.</param>
    /// <param name="environment">Makes a copy of the environment at each call.</param>
    /// <param name="steps">How many steps in all, at least 1; the last episode is truncated there.</param>
    /// <param name="seed">Where all randomness comes from.</param>
    /// <param name="threads">Threads; 0 for one a core.</param>
    public static IEnumerable<DatasetEpisode> Of(
        Func<RecordedPolicy> policy, Func<IEnvironment> environment, long steps, ulong seed, int threads = 0)
    {
        ArgumentNullException.ThrowIfNull(policy);
        ArgumentNullException.ThrowIfNull(environment);
        return Waves(() => new(policy(), null), environment, steps, seed, threads);
    }

    /// <summary>The same environment anew, with its options and time limit.</summary>
    internal static BuiltInEnvironment Copy(BuiltInEnvironment environment) =>
        Environments.Make(environment.Id, environment.Options.Select(option => (option.Key, option.Value)))
            .WithMaxEpisodeSteps(environment.MaxEpisodeSteps);

    private static IEnumerable<DatasetEpisode> Waves(
        Func<Actor> actor, Func<IEnvironment> environment, long steps, ulong seed, int threads)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(steps, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(threads);
        return Drawn(actor, environment, steps, seed, threads == 0 ? System.Environment.ProcessorCount : threads);
    }

    private static IEnumerable<DatasetEpisode> Drawn(
        Func<Actor> actor, Func<IEnvironment> environment, long steps, ulong seed, int threads)
    {
        var free = new ConcurrentBag<IEnvironment>();
        try
        {
            var left = steps;
            for (var number = 0; left > 0;)
            {
                // No more episodes at once than may be wanted: each has a step at least.
                var wave = new DatasetEpisode[(int)Math.Min(2 * threads, left)];
                var (first, longest) = (number, left);
                Parallel.For(0, wave.Length, new ParallelOptions { MaxDegreeOfParallelism = threads }, index =>
                {
                    var own = free.TryTake(out var used) ? used : environment();
                    wave[index] = Episode(actor(), own, seed, first + index, longest);
                    free.Add(own);
                });
                foreach (var episode in wave.TakeWhile(_ => left > 0))
                {
                    var kept = Shortened(episode, left);
                    left -= kept.Steps.Steps;
                    yield return kept;
                }

                number += wave.Length;
            }
        }
        finally
        {
            foreach (var made in free)
            {
                (made as IDisposable)?.Dispose();
            }
        }
    }

    private static DatasetEpisode Episode(
        Actor actor, IEnvironment environment, ulong seed, int number, long longest)
    {
        var own = Mixed(seed + ((ulong)number * 0x9E3779B97F4A7C15));
        // Gymnasium's seeds have 63 bits.
        var resetSeed = own >> 1;
        var random = new Random((int)(Mixed(own) >> 33));
        List<float> observations = [];
        List<float> actions = [];
        List<double> rewards = [];
        var action = new float[environment.ActionSpace.Size];
        var current = environment.Reset(resetSeed);
        observations.AddRange(current.Span);
        while (true)
        {
            actor.Act(current.Span, environment, random, action);
            actions.AddRange(action);
            var result = environment.Step(action);
            rewards.Add(result.Reward);
            actor.Earn?.Invoke(result.Reward);
            current = result.Observation;
            observations.AddRange(current.Span);
            var isOutOfTime = environment.MaxEpisodeSteps > 0 && rewards.Count >= environment.MaxEpisodeSteps;
            if (result.Terminated || result.Truncated || isOutOfTime || rewards.Count >= longest)
            {
                var isCut = result.Truncated || (!result.Terminated);
                return new(number, new(
                    observations.ToArray(), actions.ToArray(), rewards.ToArray(), result.Terminated, isCut))
                {
                    Seed = resetSeed,
                };
            }
        }
    }

    /// <summary>The first steps of an episode that is longer than so many.</summary>
    private static DatasetEpisode Shortened(DatasetEpisode episode, long most)
    {
        var steps = episode.Steps;
        if (steps.Steps <= most)
        {
            return episode;
        }

        var kept = (int)most;
        return episode with
        {
            Steps = new(
                steps.Observations[..((kept + 1) * (steps.Observations.Length / (steps.Steps + 1)))],
                steps.Actions[..(kept * (steps.Actions.Length / steps.Steps))],
                steps.Rewards[..kept],
                false,
                true),
        };
    }

    private static void Random(
        ReadOnlySpan<float> observation, IEnvironment environment, Random random, Span<float> action)
    {
        var drawn = Mask(environment) is { } mask
            ? environment.ActionSpace.Sample(random, mask)
            : environment.ActionSpace.Sample(random);
        drawn.CopyTo(action);
    }

    private static Actor Acting(Policy policy, bool deterministic)
    {
        var episode = policy.BeginEpisode();
        void Act(ReadOnlySpan<float> observation, IEnvironment environment, Random random, Span<float> action)
        {
            var mask = policy.HasActionMasks ? Mask(environment) : null;
            if (deterministic)
            {
                episode.Predict(observation, mask, action);
            }
            else
            {
                episode.Sample(observation, mask, action, random);
            }
        }

        return new(Act, episode.ObserveReward);
    }

    private static bool[]? Mask(IEnvironment environment)
    {
        if (environment is not IMaskedEnvironment { HasActionMask: true } masked)
        {
            return null;
        }

        var mask = new bool[masked.ActionSpace.Choices];
        masked.ActionMask(mask);
        return mask;
    }

    /// <summary>The finaliser of SplitMix64 (Steele et al. 2014).</summary>
    private static ulong Mixed(ulong value)
    {
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
        value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
        return value ^ (value >> 31);
    }

    /// <summary>What acts in one episode, and what it is told of each reward, if it wants to know.</summary>
    private sealed record Actor(RecordedPolicy Act, Action<double>? Earn);
}
