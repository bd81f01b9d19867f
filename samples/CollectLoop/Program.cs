// The loop of the lecture's slide 7: step an environment by hand, look at it, store the transitions, reset when an
// episode is over.
using System;
using System.Collections.Generic;
using System.Linq;
using Rl;
using Rl.Rendering;

const string EnvironmentId = "LunarLander-v3";

var steps = args.Contains("--quick") ? 100 : 1_000;
var random = new Random(42);
var environment = Environments.Make(EnvironmentId);
using var animation = new AnimationWriter("artifacts/collect-loop.gif", environment.FramesPerSecond);
var observation = environment.Reset(seed: 42);
var buffer = new List<(ReadOnlyMemory<float> Observation, float[] Action, double Reward, ReadOnlyMemory<float> Next)>();
for (var step = 0; step < steps; step++)
{
    animation.Add(environment.Render());
    var action = environment.ActionSpace.Sample(random); // your policy here
    var result = environment.Step(action);
    buffer.Add((observation, action, result.Reward, result.Observation));
    observation = result.IsOver ? environment.Reset() : result.Observation;
}

var total = buffer.Sum(transition => transition.Reward);
Console.WriteLine($"{buffer.Count} transitions, total reward {total}, artifacts/collect-loop.gif");
