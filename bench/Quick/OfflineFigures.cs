using Microsoft.FSharp.Collections;
using Rl.Core.Algorithms;
using Rl.Core.Environments;
using Rl.Core.Experience;
using Rl.Core.Foundations;
using Rl.Core.Learning;

namespace Rl.Bench.Quick;

/// <summary>Learning from recorded steps at the sizes of D4RL's locomotion, on one core.</summary>
internal static class OfflineFigures
{
    private const int Observed = 17;
    private const int Acted = 6;
    private const int Width = 256;
    private const int Batch = 256;
    private const int Rounds = 100;

    /// <summary>The rounds of a longer transition: what it allocates more than a shorter one is what its updates
    /// allocate; all else is the state that each transition hands out.</summary>
    private const int MoreRounds = 200;

    /// <summary>The figures; <paramref name="peak"/> is the machine's multiply-add rate.</summary>
    public static IEnumerable<(string Name, Func<Figure> Measured)> All(Lazy<double> peak)
    {
        yield return (
            "iql_update_256_1core", () => Updates("iql_update_256_1core", "iql", IqlOperations(), peak.Value));
        yield return (
            "td3bc_update_256_1core", () => Updates("td3bc_update_256_1core", "td3-bc", null, peak.Value));
    }

    /// <summary>Floating-point operations of an update of IQL: two a weight and row forwards, four backwards. Actor,
    /// two critics and values learn; two target critics and the values of s′ are asked.</summary>
    private static double IqlOperations()
    {
        static double Weights(int inputs, int outputs) => (inputs * Width) + (Width * Width) + (Width * outputs);
        var (actor, critic, value) = (Weights(Observed, Acted), Weights(Observed + Acted, 1), Weights(Observed, 1));
        return Batch * ((6.0 * (actor + (2 * critic) + value)) + (2.0 * ((2 * critic) + value)));
    }

    private static Figure Updates(string name, string algorithm, double? operations, double peak)
    {
        var (seconds, bytes) = Transition(algorithm, Rounds);
        var allocated = Transition(algorithm, MoreRounds).Bytes - bytes;
        var rate = Rounds / seconds;
        return new Figure(name, rate, "updates/s", operations * rate / peak, allocated / (MoreRounds - Rounds));
    }

    private static (double Seconds, double Bytes) Transition(string algorithm, int rounds)
    {
        var entry = Catalogue.entries.Single(entry => entry.Id == algorithm);
        var spaces = new RecordedSpaces(
            SpaceModule.boxOf(-10, 10, [Observed]), SpaceModule.boxOf(-1, 1, [Acted]));
        using var workers = new Workers(1);
        var settings = ListModule.OfSeq<Tuple<string, string>>(
        [
            new("RoundSteps", $"{rounds}"), new("BatchSize", $"{Batch}"), new("Hidden", $"{Width}x{Width}"),
            new("TotalSteps", "1000000000"),
        ]);
        using var bare = entry.Create.Invoke(settings).Invoke(spaces).Invoke(workers);
        using var learner = LearnerData.Give(Data(bare), bare);
        var state = learner.Initialise(RngModule.create(1UL));
        return Measure.Run(() => state = learner.Transition(state).Item1);
    }

    /// <summary>Twenty episodes of a thousand steps of uniform numbers.</summary>
    private static Replay Data(Learner learner)
    {
        var (spaces, rng) = (learner.Environment, RngModule.create(5UL));
        var episodes = new List<Core.Experience.RecordedEpisode>();
        for (var number = 0; number < 20; number++)
        {
            const int Steps = 1_000;
            var shown = new float[(Steps + 1) * Observed];
            var actions = new float[Steps * Acted];
            rng = spaces.ObservationSpace.SampleMany(rng, shown);
            rng = spaces.ActionSpace.SampleMany(rng, actions);
            var rewards = Array.ConvertAll(actions[..Steps], value => (double)value);
            episodes.Add(new(shown, actions, rewards, true, false));
        }

        return RecordedReplay.ofEpisodes(
            spaces.ObservationSpace, spaces.ActionSpace, learner.Network.Actions, "the data", episodes);
    }
}
