// Four crossings in a square, a light at each, one agent for all: an action has four parts (MultiDiscrete), one for
// each light, and a policy of four independent choices is learnt from one reward, the cars that wait. The usual ways
// to switch lights are measured beside it: the best fixed plan of many, and "green for the longer queue".
using System;
using System.Linq;
using Rl;
using Rl.Samples;

var isQuick = args.Contains("--quick");
var options = new PpoOptions
{
    TotalSteps = isQuick ? 500_000 : 2_000_000,
    Discount = 0.98,
    LearningRate = Schedule.Linear(1e-3, 0),
    NormaliseRewards = true,
    EnvironmentCopies = 32,
    RolloutSteps = 128,
    MinibatchSize = 1024,
};
using var agent = Agent.Create(options, () => new Crossings(), seed: 1);
var training = agent.Train();
Console.WriteLine($"{training.StepsTaken:N0} steps in {training.Elapsed.TotalSeconds:0.0} s");

// Green for the longer queue, where a light that is green keeps on unless the other queue is longer by a margin.
var (margin, longest) = Enumerable.Range(0, 8)
    .Select(margin => (margin, Waiting(lights => Heuristics.LongestQueue(lights, margin))))
    .MinBy(result => result.Item2);

// Fixed times of green for the two directions.
var (plan, fixedTime) = Enumerable.Range(2, 9)
    .SelectMany(east => Enumerable.Range(2, 9), (east, south) => (east, south))
    .Select(plan => (plan, Waiting(lights => Heuristics.FixedTime(lights, plan.east, plan.south))))
    .MinBy(result => result.Item2);

var policy = agent.ToPolicy();
var action = new float[Crossings.Lights];
var learned = Waiting(lights =>
{
    policy.Predict(lights.Observation(), action);
    return action;
});

Console.WriteLine("cars that wait, on average");
Console.WriteLine($"  best of 81 fixed plans, {plan.east} steps east, {plan.south} south  {fixedTime:0.00}");
Console.WriteLine($"  green for the longer queue, by more than {margin}  {longest:0.00}");
Console.WriteLine($"  learned                               {learned:0.00}");
var best = Math.Min(longest, fixedTime);
Console.WriteLine($"learned: {1 - (learned / best):0%} fewer than the better of the two");
return learned < best ? 0 : 1;

// The mean over a hundred episodes, the same ones for each controller.
static double Waiting(Func<Crossings, float[]> control)
{
    const int Episodes = 100;
    var (lights, sum) = (new Crossings(), 0.0);
    for (var episode = 0; episode < Episodes; episode++)
    {
        lights.Reset((ulong)(episode + 1) << 40);
        for (var step = 0; step < lights.MaxEpisodeSteps; step++)
        {
            sum -= lights.Step(control(lights)).Reward;
        }
    }

    return sum / Episodes / new Crossings().MaxEpisodeSteps;
}
