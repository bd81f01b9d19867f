// Trained, interrupted, resumed, and taken elsewhere. The first start is stopped in the middle; the second goes on from
// its file, and ends with the very bits of an agent that was never stopped. Then the agent becomes an ONNX model, and
// ONNX Runtime, which knows nothing of this library, acts as the agent does.
using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Threading;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using Rl;
using Rl.Onnx;

var totalSteps = args.Contains("--quick") ? 100_000 : 400_000;
var options = new PpoOptions { TotalSteps = totalSteps, LearningRate = 1e-3, NormaliseObservations = true };
var folder = Directory.CreateTempSubdirectory("rl-resume").FullName;
var checkpoints = new Checkpoints(folder); // saves agent.rl now and then, and when training ends or is stopped

// The first start: somebody pulls the plug after a third.
using (var agent = Agent.Create(options, Environments.Make("CartPole-v1"), seed: 1))
using (var stop = new CancellationTokenSource())
{
    try
    {
        agent.Train(totalSteps, checkpoints, new SynchronousProgress<TrainingProgress>(now =>
        {
            if (now.Steps >= totalSteps / 3)
            {
                stop.Cancel();
            }
        }), stop.Token);
    }
    catch (OperationCanceledException)
    {
        Console.WriteLine($"first start:  stopped at {agent.Steps:N0} of {totalSteps:N0} steps");
    }
}

// The second start: everything is in the file: θ, the optimiser's moments, the random streams, the episodes under way.
using var resumed = Agent.Load(checkpoints.AgentPath);
resumed.Train(totalSteps, checkpoints);
Console.WriteLine($"second start: went on to {resumed.Steps:N0} steps, {resumed.Evaluate(episodes: 100)} of 500");

using var undisturbed = Agent.Create(options, Environments.Make("CartPole-v1"), seed: 1);
undisturbed.Train();
var isSame = resumed.Parameters.Span.SequenceEqual(undisturbed.Parameters.Span);
Console.WriteLine($"the bits of an agent that was never stopped: {(isSame ? "the same" : "OTHERS")}");

// The model holds the normalisation too: it takes the environment's own observations.
var modelPath = Path.Combine(folder, "agent.onnx");
resumed.ExportOnnx(modelPath);
using var session = new InferenceSession(modelPath);

// Both act on what the agent meets in its episodes, all rows in one run of the model.
var seen = Met(resumed, steps: 1_000);
var input = new DenseTensor<float>(seen.SelectMany(row => row).ToArray(), [seen.Count, 4]);
using var results = session.Run([NamedOnnxValue.CreateFromTensor("observation", input)]);
var byModel = results.Single(result => result.Name == "action").AsEnumerable<long>();
var equal = seen.Zip(byModel).Count(pair => resumed.PredictDiscrete(pair.First) == pair.Second);
Console.WriteLine($"ONNX Runtime chooses as the agent does in {equal:N0} of {seen.Count:N0} states");
Directory.Delete(folder, recursive: true);

// Where both choices are as good to the last bit of a number, runtimes may differ.
return isSame && equal >= 0.999 * seen.Count ? 0 : 1;

static List<float[]> Met(Agent agent, int steps)
{
    var environment = Environments.Make("CartPole-v1");
    var rows = new List<float[]>();
    var observation = environment.Reset(seed: 3);
    while (rows.Count < steps)
    {
        rows.Add(observation.ToArray());
        var result = environment.Step([agent.PredictDiscrete(observation.Span)]);
        observation = result.IsOver ? environment.Reset((ulong)rows.Count) : result.Observation;
    }

    return rows;
}
