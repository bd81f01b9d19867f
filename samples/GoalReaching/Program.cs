// Goals in hindsight: an arm of two joints is to bring its tip to a point that differs from episode to episode, and
// only arriving pays. Chance hardly ever arrives; told in hindsight that the place where it ended had been the goal,
// the same steps teach how to get anywhere (Andrychowicz et al. 2017).
using System;
using System.Linq;
using Rl;

var isQuick = args.Contains("--quick");
foreach (var goals in new[] { 0, 4 })
{
    var options = new SacOptions { TotalSteps = isQuick ? 1_000 : 30_000, Discount = 0.95, HindsightGoals = goals };
    using var agent = Agent.Create(options, () => new Arm(), seed: 1);
    agent.Train();
    var evaluation = agent.Evaluate(episodes: 100);
    Console.WriteLine($"{goals} goals in hindsight for each real one: {evaluation} of {-Arm.Steps} to 0");
}

/// <summary>Two links of half a metre, moved by their joints' speeds. A step pays 0 within a decimetre of the goal and
/// −1 elsewhere, as the robots of Gymnasium do; arriving does not end the episode, so that staying is learned
/// too.</summary>
internal sealed class Arm : IGoalEnvironment
{
    public const int Steps = 40;

    private const float Link = 0.5f;
    private const float LargestTurn = 0.2f;
    private const float Tolerance = 0.1f;

    private float shoulder, elbow, goalX, goalY;

    public Space ObservationSpace { get; } = Space.Dict(
        ("observation", Space.Box(-1, 1, 4)),
        ("achieved_goal", Space.Box(-1, 1, 2)),
        ("desired_goal", Space.Box(-1, 1, 2)));

    public Space ActionSpace { get; } = Space.Box(-1, 1, 2);

    public int MaxEpisodeSteps => Steps;

    public ReadOnlyMemory<float> Reset(ulong seed)
    {
        var random = new Random((int)(seed >> 33));
        (shoulder, elbow) = (Angle(random), Angle(random));
        (goalX, goalY) = Tip(Angle(random), Angle(random));
        return Observe();
    }

    public StepResult Step(ReadOnlySpan<float> action)
    {
        shoulder += LargestTurn * action[0];
        elbow += LargestTurn * action[1];
        var (x, y) = Tip(shoulder, elbow);
        return new(Observe(), ComputeReward([x, y], [goalX, goalY]), Terminated: false);
    }

    public double ComputeReward(ReadOnlySpan<float> achievedGoal, ReadOnlySpan<float> desiredGoal) =>
        float.Hypot(achievedGoal[0] - desiredGoal[0], achievedGoal[1] - desiredGoal[1]) <= Tolerance ? 0 : -1;

    private static float Angle(Random random) => MathF.PI * ((2 * random.NextSingle()) - 1);

    private static (float X, float Y) Tip(float shoulder, float elbow) =>
        (Link * (MathF.Cos(shoulder) + MathF.Cos(shoulder + elbow)),
         Link * (MathF.Sin(shoulder) + MathF.Sin(shoulder + elbow)));

    private float[] Observe()
    {
        var (x, y) = Tip(shoulder, elbow);
        return
        [
            MathF.Cos(shoulder), MathF.Sin(shoulder), MathF.Cos(elbow), MathF.Sin(elbow),
            Math.Clamp(x, -1, 1), Math.Clamp(y, -1, 1), Math.Clamp(goalX, -1, 1), Math.Clamp(goalY, -1, 1),
        ];
    }
}
