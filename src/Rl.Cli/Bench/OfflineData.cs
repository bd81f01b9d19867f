using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Threading;
using Rl.Cli.Data;

namespace Rl.Cli.Bench;

/// <summary>The data sets of a place, the same at each collection.</summary>
internal sealed class OfflineData
{
    private const int CheckEpisodes = 20;
    private const int ReferenceEpisodes = 100;
    private readonly Dictionary<string, IReadOnlyList<RecordedEpisode>> sets = [];

    private OfflineData(OfflineFacts facts, IEnumerable<(string Name, IReadOnlyList<RecordedEpisode> Episodes)> made)
    {
        foreach (var (name, episodes) in made)
        {
            sets[name] = episodes;
            facts.Sets[name] = OfflineSetFacts.Of(episodes);
        }

        Facts = facts;
    }

    /// <summary>What there is to know of it.</summary>
    public OfflineFacts Facts { get; }

    /// <summary>A set, of the names of <see cref="OfflinePlace.Sets"/>.</summary>
    public IReadOnlyList<RecordedEpisode> this[string set] => sets[set];

    /// <summary>Trains SAC and records what its policies do.</summary>
    /// <exception cref="InvalidDataException">No policy on the way reaches the medium score.</exception>
    public static OfflineData Collect(OfflinePlace place, CancellationToken cancellation)
    {
        var shared = place.For("sac").ToArray();
        var tuned = (TunedOptions.Find("sac", place.Environment)?.Settings ?? [])
            .Where(setting => shared.All(own => own.Key != setting.Key));
        var options = Algorithms.Options("sac", [.. tuned, .. shared]) with
        {
            TotalSteps = place.ExpertSteps,
            Threads = 1,
            EnvironmentCopies = 1,
        };
        using var agent = Agent.Create(options, Environments.Make(place.Environment), place.Seed);
        var random = Record(place, null, ReferenceEpisodes, int.MaxValue, 1, cancellation).Average(one => one.Return);
        List<(long Steps, Policy Policy, double Return)> checks = [];
        while (agent.Steps < place.ExpertSteps)
        {
            var steps = Math.Min(place.CheckEvery, place.ExpertSteps - agent.Steps);
            agent.TrainFor(steps, cancellationToken: cancellation);
            var judged = agent.Evaluate(CheckEpisodes, place.Seed, cancellationToken: cancellation);
            checks.Add((agent.Steps, agent.ToPolicy(), judged.Mean));
        }

        var expert = agent.Evaluate(ReferenceEpisodes, place.Seed + 1, cancellationToken: cancellation).Mean;
        var facts = new OfflineFacts(random, expert);
        var medium = checks.FirstOrDefault(check => facts.Score(check.Return) >= place.MediumScore);
        if (medium.Policy is null)
        {
            throw new InvalidDataException(
                $"No policy of SAC in {place.Environment} reaches a score of {place.MediumScore} in "
                + $"{place.ExpertSteps} steps; the best has {checks.Max(check => facts.Score(check.Return)):0.0}.");
        }

        facts.MediumSteps = medium.Steps;
        var ofMedium = Record(place, medium.Policy, int.MaxValue, place.Steps, 2, cancellation);
        var ofExpert = Record(place, checks[^1].Policy, int.MaxValue, place.Steps / 2, 3, cancellation);
        return new(
            facts,
            [
                ("medium", ofMedium),
                ("medium-replay", First(agent.RememberedEpisodes().Episodes, medium.Steps)),
                ("medium-expert", [.. First(ofMedium, place.Steps / 2), .. ofExpert]),
            ]);
    }

    /// <summary>The first episodes of so many steps in all; the last is cut there.</summary>
    private static List<RecordedEpisode> First(IEnumerable<RecordedEpisode> episodes, long steps)
    {
        List<RecordedEpisode> kept = [];
        foreach (var episode in episodes)
        {
            if (steps <= 0)
            {
                break;
            }

            var count = (int)Math.Min(steps, episode.Steps);
            kept.Add(count == episode.Steps
                ? episode
                : new(
                    episode.Observations[..((count + 1) * (episode.Observations.Length / (episode.Steps + 1)))],
                    episode.Actions[..(count * (episode.Actions.Length / episode.Steps))],
                    episode.Rewards[..count],
                    false,
                    true));
            steps -= count;
        }

        return kept;
    }

    /// <summary>Episodes of a policy, drawn, or of random actions, until there are enough of them or of their
    /// steps.</summary>
    private static List<RecordedEpisode> Record(
        OfflinePlace place, Policy? policy, int episodes, int steps, int stream, CancellationToken cancellation)
    {
        var environment = Environments.Make(place.Environment);
        var random = new Random(unchecked((int)(place.Seed * 1_000_003) + stream));
        var action = new float[environment.ActionSpace.Size];
        List<RecordedEpisode> recorded = [];
        var left = steps;
        while (recorded.Count < episodes && left > 0)
        {
            cancellation.ThrowIfCancellationRequested();
            List<float> observations = [];
            List<float> actions = [];
            List<double> rewards = [];
            var current = environment.Reset((ulong)random.NextInt64());
            observations.AddRange(current.Span);
            var (isTerminal, isOver) = (false, false);
            while (!isOver)
            {
                if (policy is null)
                {
                    environment.ActionSpace.Sample(random).CopyTo(action);
                }
                else
                {
                    policy.Sample(current.Span, action, random);
                }

                var result = environment.Step(action);
                actions.AddRange(action);
                rewards.Add(result.Reward);
                current = result.Observation;
                observations.AddRange(current.Span);
                left--;
                isTerminal = result.Terminated;
                isOver = result.Terminated || result.Truncated || left == 0;
            }

            recorded.Add(new(
                observations.ToArray(), actions.ToArray(), rewards.ToArray(), isTerminal, !isTerminal));
        }

        return recorded;
    }
}
