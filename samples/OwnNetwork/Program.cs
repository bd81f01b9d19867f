// A network of your own for an observation of two parts. A sorter sees the picture of a parcel, a cross or a square
// anywhere in the frame, and the state of its chutes: which shape goes left today. Neither tells alone where the parcel
// goes: the best of either is to guess half of them, and with both all are right.
using System;
using System.Linq;
using Rl;

var isQuick = args.Contains("--quick");
var steps = isQuick ? 12_000 : 60_000;

// Convolutions for the picture, a dense layer for the state, and layers on both together.
var both = Network.Of(network => network
    .Branch("picture", picture => picture.Convolution(8, 3).Flatten().Dense(32))
    .Branch("chutes", chutes => chutes.Dense(16))
    .Dense(64)
    .Residual(block => block.Dense(64).Linear(64))
    .LayerNormalisation());
var withBoth = Trained(both, hidesPicture: false, hidesChutes: false);
var fromReplay = Trained(both, hidesPicture: false, hidesChutes: false, learnsFromReplay: true);
var withoutPicture = Trained(both, hidesPicture: true, hidesChutes: false);
var withoutChutes = Trained(both, hidesPicture: false, hidesChutes: true);

Console.WriteLine($"network         {both}");
Console.WriteLine($"both parts      {withBoth,6:0.0} of {Sorter.Parcels}, the optimum");
Console.WriteLine($"the same, DQN   {fromReplay,6:0.0} of {Sorter.Parcels}");
Console.WriteLine($"chutes alone    {withoutPicture,6:0.0} of {Sorter.Parcels}");
Console.WriteLine($"picture alone   {withoutChutes,6:0.0} of {Sorter.Parcels}");

var least = isQuick ? 0.8 : 0.95;
if (Math.Min(withBoth, fromReplay) < least * Sorter.Parcels
    || Math.Max(withoutPicture, withoutChutes) > 0.7 * Sorter.Parcels)
{
    Console.Error.WriteLine($"Both parts must reach {least:P0} of the optimum, and one alone no more than 70 %.");
    return 1;
}

return 0;

double Trained(Network network, bool hidesPicture, bool hidesChutes, bool learnsFromReplay = false)
{
    // The same value is the policy and the value function of PPO and the action values of DQN.
    AgentOptions options = learnsFromReplay
        ? new DqnOptions
        {
            Network = network,
            TotalSteps = steps / 2,
            LearningRate = Schedule.Linear(1e-3, 1e-4),
            GradientSteps = 4,
            Discount = 0,
        }
        : new PpoOptions
        {
            Network = network,
            TotalSteps = steps,
            RolloutSteps = 64,
            LearningRate = Schedule.Linear(2e-3, 2e-4),
            ClipRange = 0.2,
            Discount = 0,
        };
    using var agent = Agent.Create(options, () => new Sorter(hidesPicture, hidesChutes), seed: 1);
    agent.Train();
    return agent.Evaluate(episodes: 50).Mean;
}

/// <summary>Parcels on a belt. The picture has 8 x 8 pixels with a little noise; the state says whether crosses go
/// left, and how full the chutes are, which changes nothing. 1 for each parcel that goes where it should.</summary>
internal sealed class Sorter(bool hidesPicture, bool hidesChutes) : IEnvironment
{
    public const int Parcels = 20;

    private const int Side = 8;

    private static readonly string[] Cross = ["#.#", ".#.", "#.#"];
    private static readonly string[] Square = ["###", "#.#", "###"];

    private readonly float[] observation = new float[(Side * Side) + 3];
    private Random random = new(0);
    private bool isCross, crossesGoLeft;
    private int left;

    public Space ObservationSpace { get; } = Space.Dict(
        ("picture", Space.Image(1, Side, Side)),
        ("chutes", Space.Box(0, 1, 3)));

    public Space ActionSpace { get; } = Space.Discrete(2);

    public int MaxEpisodeSteps => Parcels;

    public ReadOnlyMemory<float> Reset(ulong seed)
    {
        random = new Random((int)(seed >> 33));
        left = Parcels;
        return Next();
    }

    public StepResult Step(ReadOnlySpan<float> action)
    {
        var isRight = (action[0] == 0) == (isCross == crossesGoLeft);
        left--;
        return new(Next(), isRight ? 1 : 0, Terminated: left == 0);
    }

    private ReadOnlyMemory<float> Next()
    {
        isCross = random.Next(2) == 0;
        crossesGoLeft = random.Next(2) == 0;
        var picture = observation.AsSpan(0, Side * Side);
        foreach (ref var pixel in picture)
        {
            pixel = hidesPicture ? 0 : random.Next(60);
        }

        var (top, start) = (random.Next(Side - 2), random.Next(Side - 2));
        for (var row = 0; row < 3 && !hidesPicture; row++)
        {
            for (var column = 0; column < 3; column++)
            {
                if ((isCross ? Cross : Square)[row][column] == '#')
                {
                    picture[((top + row) * Side) + start + column] = 255;
                }
            }
        }

        observation[Side * Side] = crossesGoLeft && !hidesChutes ? 1 : 0;
        observation[(Side * Side) + 1] = random.NextSingle();
        observation[(Side * Side) + 2] = random.NextSingle();
        return observation.ToArray();
    }
}
