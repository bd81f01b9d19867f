// The code of docs/csharp-guide.md and docs/logging.md: a test compares them, and this runs it.
using System;
using System.IO;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Rl;
using Rl.Logging;
using static Rl.Expr;

var steps = args.Contains("--quick") ? 4_096 : 100_000;
var folder = Directory.CreateTempSubdirectory("rl-guide").FullName;
FirstAgent.Run(steps, folder);
OwnEnvironment.Run(steps, folder);
Rates.Run();
OwnLayers.Run();
Orders.Run(steps);
Dealing.Run(steps);
Turning.Run();
Watching.Run(steps, folder);
Serving.Run(steps);
Remembering.Run(steps);
Changing.Run(steps, folder);
Losing.Run(steps);
Deriving.Run();
Logged.Run(steps, folder);
Directory.Delete(folder, recursive: true);

internal static class Rates
{
    public static void Run()
    {
        var options = new PpoOptions
        {
            LearningRate = Schedule.Cosine(1e-3, 1e-5).WithWarmUp(0.02),
            ClipRange = 0.2,
            EntropyCoefficient = Schedule.Linear(0.01, 0, over: 0.5),
            TargetKl = Schedule.Piecewise(0.03, (0.5, 0.02), (0.9, 0.01)),
        };
        Console.WriteLine(options.LearningRate.At(share: 0.5));
        Console.WriteLine(options.LearningRate);       // warmup(0.02, cosine(0.001, 1E-05))
        options.Validate();
    }
}

internal static class OwnLayers
{
    public static void Run()
    {
        var network = Network.Of(n => n
            .Branch("camera", b => b.Convolution(16, 3, stride: 2).Flatten().Dense(64))
            .Branch("state", b => b.Dense(32))
            .Dense(64)
            .Residual(r => r.Dense(64).Linear(64))
            .LayerNormalisation());
        var options = new PpoOptions { Network = network };
        options.Validate();
        Console.WriteLine(network);
    }
}

internal static class FirstAgent
{
    public static void Run(int steps, string folder)
    {
        var environment = Environments.Make("CartPole-v1");
        var options = new PpoOptions { LearningRate = Schedule.Linear(1e-3, 0) };
        using var agent = Agent.Create(options, environment, seed: 1);
        agent.Train(totalSteps: steps);
        Console.WriteLine(agent.Evaluate(episodes: 100));

        var path = Path.Combine(folder, "cartpole.rl");
        agent.Save(path);
        using var loaded = Agent.Load(path);
        var observation = environment.Reset(seed: 7);
        var push = loaded.PredictDiscrete(observation.Span);
        Console.WriteLine($"push {(push == 0 ? "left" : "right")}");
    }
}

/// <summary>A tank that is heated towards a set temperature; the outside differs from episode to episode.</summary>
internal sealed class Tank : IEnvironment
{
    private float temperature, target, outside;

    // What is seen: temperature, target, outside, in degrees.
    public Space ObservationSpace { get; } = Space.Box(-50, 150, 3);

    // What is done: heating power in kW. Policies act in units of the box's half-range.
    public Space ActionSpace { get; } = Space.Box(0, 12, 1);

    // An episode is cut after this many steps; 0 for no limit.
    public int MaxEpisodeSteps => 200;

    // All randomness comes from the seed: the same seed, the same episode.
    public ReadOnlyMemory<float> Reset(ulong seed)
    {
        var random = new Random((int)(seed >> 33));
        outside = (random.NextSingle() * 30) - 10;
        target = 40 + (random.NextSingle() * 40);
        temperature = outside;
        return Observe();
    }

    public StepResult Step(ReadOnlySpan<float> action)
    {
        temperature += (0.5f * action[0]) - (0.05f * (temperature - outside));
        var boils = temperature > 100;
        var reward = boils ? -100 : -Math.Abs(temperature - target) / 10;
        return new(Observe(), reward, Terminated: boils);
    }

    private float[] Observe() => [temperature, target, outside];
}

internal static class OwnEnvironment
{
    public static void Run(int steps, string folder)
    {
        foreach (var finding in Environments.Check(() => new Tank()))
        {
            Console.WriteLine(finding);
        }

        var options = new PpoOptions { NormaliseObservations = true, NormaliseRewards = true };
        using var agent = Agent.Create(options, () => new Tank(), seed: 1);
        agent.Train(steps);
        Console.WriteLine($"tank {agent.Evaluate(episodes: 20)}");
        var path = Path.Combine(folder, "tank.rl");
        agent.Save(path);

        // Wherever the tank is controlled: no environment, no options, one file.
        using var controller = Agent.Load(path);
        var power = controller.Predict([20f, 60f, 5f])[0];
        Console.WriteLine($"{power:0.0} kW");
    }
}

/// <summary>Orders for a store: how many of which of three suppliers, and whether to advertise.</summary>
internal sealed class Store : IEnvironment
{
    private readonly float[] seen = new float[2];
    private Random random = new(0);

    public Space ObservationSpace { get; } = Space.Dict(
        [("stock", Space.Box(0, 500, 1)), ("weekday", Space.Discrete(7))]);

    public Space ActionSpace { get; } = Space.Dict(
        [("quantity", Space.Box(0, 200, 1)), ("supplier", Space.Discrete(3)), ("advertise", Space.MultiBinary(1))]);

    public int MaxEpisodeSteps => 56;

    public ReadOnlyMemory<float> Reset(ulong seed)
    {
        random = new Random((int)(seed >> 33));
        (seen[0], seen[1]) = (100, 0);
        return (float[])seen.Clone();
    }

    public StepResult Step(ReadOnlySpan<float> action)
    {
        // The parts of an action lie one after the other, in the order of the dictionary.
        var (quantity, supplier, advertise) = (action[0], (int)action[1], action[2] > 0);
        var demand = (20 + (random.NextSingle() * 40)) * (advertise ? 1.5f : 1);
        var sold = Math.Min(seen[0] + quantity, demand);
        var price = 4 + supplier;
        seen[0] = Math.Clamp(seen[0] + quantity - sold, 0, 500);
        seen[1] = (seen[1] + 1) % 7;
        var profit = (10 * sold) - (price * quantity) - (0.1f * seen[0]) - (advertise ? 50 : 0);
        return new((float[])seen.Clone(), profit / 100, Terminated: false);
    }
}

internal static class Orders
{
    public static void Run(int steps)
    {
        using var agent = Agent.Create(new PpoOptions { NormaliseObservations = true }, () => new Store(), seed: 1);
        agent.Train(steps);
        var action = agent.Predict([80f, 3f]);
        foreach (var part in agent.ActionSpace.Layout)
        {
            Console.WriteLine($"{part.Path}: {action[part.Offset]:0.#}");
        }
    }
}

/// <summary>Cards 1 to 5 in any order: each may be laid once; a higher card than the one before is worth a
/// point.</summary>
internal sealed class Cards : IMaskedEnvironment
{
    private readonly bool[] held = new bool[5];
    private float last;

    public Space ObservationSpace { get; } = Space.Box(0, 5, 6);

    public Space ActionSpace { get; } = Space.Discrete(5);

    public int MaxEpisodeSteps => 5;

    public ReadOnlyMemory<float> Reset(ulong seed)
    {
        Array.Fill(held, true);
        last = 0;
        return Observe();
    }

    public void ActionMask(Span<bool> mask) => held.CopyTo(mask);

    public StepResult Step(ReadOnlySpan<float> action)
    {
        var card = (int)action[0];
        held[card] = false;
        var reward = card + 1 > last ? 1 : 0;
        last = card + 1;
        return new(Observe(), reward, Terminated: !held.Contains(true));
    }

    private float[] Observe() => [.. held.Select(has => has ? 1f : 0f), last];
}

internal static class Dealing
{
    public static void Run(int steps)
    {
        using var agent = Agent.Create(new PpoOptions(), () => new Cards(), seed: 1);
        agent.Train(steps);
        var game = new Cards();
        var observation = game.Reset(seed: 3);
        while (true)
        {
            // With the environment itself: only what is possible in it is chosen.
            var card = agent.PredictDiscrete(observation.Span, game);
            var result = game.Step([card]);
            observation = result.Observation;
            if (result.IsOver)
            {
                break;
            }
        }
    }
}

/// <summary>A dial that is to be turned to a mark, another one in each episode.</summary>
internal sealed class Dial : IGoalEnvironment
{
    private readonly float[] seen = new float[4];

    public Space ObservationSpace { get; } = Space.Dict(
        ("observation", Space.Box(-1, 1, 2)),
        ("achieved_goal", Space.Box(-1, 1, 1)),
        ("desired_goal", Space.Box(-1, 1, 1)));

    public double ComputeReward(ReadOnlySpan<float> achievedGoal, ReadOnlySpan<float> desiredGoal) =>
        Math.Abs(achievedGoal[0] - desiredGoal[0]) <= 0.05f ? 0 : -1;

    public Space ActionSpace { get; } = Space.Box(-1, 1, 1);

    public int MaxEpisodeSteps => 30;

    public ReadOnlyMemory<float> Reset(ulong seed)
    {
        var random = new Random((int)(seed % int.MaxValue));
        seen[1] = 0;
        seen[3] = 2 * random.NextSingle() - 1;
        return Observe(2 * random.NextSingle() - 1);
    }

    public StepResult Step(ReadOnlySpan<float> action)
    {
        // Position and speed of the dial, the position again as what was reached, and the mark.
        seen[1] = Math.Clamp(seen[1] + 0.1f * action[0], -0.2f, 0.2f);
        var observation = Observe(Math.Clamp(seen[0] + seen[1], -1, 1));
        return new(observation, ComputeReward(seen.AsSpan(2, 1), seen.AsSpan(3, 1)), Terminated: false);
    }

    private float[] Observe(float position)
    {
        (seen[0], seen[2]) = (position, position);
        return (float[])seen.Clone();
    }
}

internal static class Turning
{
    public static void Run()
    {
        foreach (var finding in Environments.Check(() => new Dial()))
        {
            Console.WriteLine(finding);
        }

        var goals = Environments.Make("BitFlipping-v0");
        var reached = goals.ComputeReward(new float[15], new float[15]);
        Console.WriteLine($"{goals}: a goal that was reached pays {reached}.");
    }
}

internal static class Watching
{
    public static void Run(int steps, string folder)
    {
        using var stop = new CancellationTokenSource(TimeSpan.FromMinutes(10));
        using var agent = Agent.Create(new A2cOptions(), Environments.Make("CartPole-v1"), seed: 1);
        var progress = new SynchronousProgress<TrainingProgress>(now =>
        {
            if (now.Updates % 100 == 0)
            {
                Console.WriteLine(
                    $"{now.Steps:N0} of {now.TotalSteps:N0}, mean return {now.MeanReturn:0.0}, "
                    + $"{now.TimeLeft:mm\\:ss} left");
            }

            foreach (var warning in now.Warnings)
            {
                Console.WriteLine(warning.Message);
            }
        });

        var checkpoints = new Checkpoints(Path.Combine(folder, "run")) { EvaluateEverySteps = 20_000 };
        try
        {
            agent.Train(steps, checkpoints, progress, stop.Token);
        }
        catch (OperationCanceledException)
        {
            Console.WriteLine($"stopped at {agent.Steps:N0}; the agent is whole");
        }

        var evaluations = new EvaluationCallback(everySteps: 10_000) { BestPath = Path.Combine(folder, "best.rl") };
        var result = agent.Train(
            agent.Steps + steps,
            [
                evaluations,
                new StopAtReturn(475),
                new StopOnPlateau(evaluations: 5),
                new StopAfter(TimeSpan.FromMinutes(10)),
                new EverySteps(50_000, (training, now) => Console.WriteLine($"{now.Steps:N0}")),
            ]);
        Console.WriteLine(result.StopReason ?? "trained to the end");

        var (low, high) = agent.Evaluate(episodes: 50).ConfidenceInterval(0.95);
        Console.WriteLine($"the mean return is between {low:0.0} and {high:0.0}");
    }
}

internal static class Serving
{
    public static void Run(int steps)
    {
        using var agent = Agent.Create(new PpoOptions(), Environments.Make("CartPole-v1"), seed: 1);
        agent.Train(steps);

        var policy = agent.ToPolicy();                       // or Policy.Load("agent.rl")
        Parallel.For(0, 8, request =>
        {
            float[] seen = [0.01f * request, 0, 0, 0];
            var push = policy.PredictDiscrete(seen);         // any thread, no lock
        });

        var crowd = new float[1_000 * policy.ObservationSpace.Size];
        var actions = new float[1_000 * policy.ActionSpace.Size];
        policy.PredictBatch(crowd, actions);
    }
}

internal static class Remembering
{
    public static void Run(int steps)
    {
        var options = new PpoOptions { Recurrence = Recurrence.Lstm };
        using var agent = Agent.Create(options, Environments.Make("CartPoleHiddenVelocity-v1"), seed: 1);
        agent.Train(steps);
        var environment = Environments.Make("CartPoleHiddenVelocity-v1");
        var observation = environment.Reset(seed: 5);
        agent.BeginEpisode();
        for (var step = 0; step < 20; step++)
        {
            var result = environment.Step(agent.Predict(observation.Span));
            observation = result.Observation;
            if (result.IsOver)
            {
                observation = environment.Reset(seed: 6);
                agent.BeginEpisode();
            }
        }
    }
}

internal static class Logged
{
    public static void Run(int steps, string folder)
    {
        using var agent = Agent.Create(new PpoOptions(), Environments.Make("CartPole-v1"), seed: 1);
        using (var log = new TensorBoardLog(agent, Path.Combine(folder, "logs", "ppo-cartpole-1")))
        {
            agent.Train(steps, log);
            log.AddEvaluation(agent.Evaluate(episodes: 20), agent.Steps);
        }

        using (var logs = new TrainingLogs(
            new TensorBoardLog(
                agent, Path.Combine(folder, "logs", "longer"), new() { Keys = LogKeys.StableBaselines3 }),
            new MonitorLog(agent, Path.Combine(folder, "logs", "longer", "monitor.csv")),
            new JsonLinesLog(agent, Path.Combine(folder, "logs", "longer", "progress.jsonl")),
            new CsvLog(agent, Path.Combine(folder, "logs", "longer", "progress.csv"), everySteps: 10_000)))
        {
            agent.Train(agent.Steps + steps, logs);
        }

        using (var log = new TensorBoardLog(agent, Path.Combine(folder, "logs", "evaluated")))
        {
            agent.Train(agent.Steps + steps, [log, new EvaluationCallback(everySteps: 10_000)]);
        }

        foreach (var block in agent.ParameterBlocks)
        {
            Console.WriteLine($"{block.Name} [{string.Join(" x ", block.Shape)}]");
        }
    }
}

internal static class Changing
{
    public static void Run(int steps, string folder)
    {
        var environment = Environments.Make("CartPole-v1");
        var path = Path.Combine(folder, "cartpole.rl");
        using var agent = Agent.Create(new PpoOptions(), environment, seed: 2);
        foreach (var block in agent.ParameterBlocks)
        {
            Console.WriteLine($"{block.Name} [{string.Join(", ", block.Shape)}]");
        }

        var bias = agent.GetParameter("actor/0/bias").Values.ToArray();
        bias[0] += 0.1f;
        agent.SetParameter("actor/0/bias", bias);

        var transfer = agent.TransferFrom(path, "actor/0/");
        foreach (var skipped in transfer.Skipped)
        {
            Console.WriteLine($"{skipped.Name} was not copied: {skipped.Reason}");
        }

        agent.Freeze("actor/0/");
        agent.Train(steps);
        agent.Unfreeze("*");
        agent.Train(2 * steps);
        Console.WriteLine($"transferred {agent.Evaluate(episodes: 20)}");
    }
}

internal static class Losing
{
    public static void Run(int steps)
    {
        var environment = Environments.Make("CartPole-v1");

        // using static Rl.Expr;
        var loss = PolicyLoss.Register("kl-penalised", samples =>
        [
            new("policyLoss", -(samples.Ratio * samples.Advantages)),
            new("divergence", samples.ApproximateKl, weight: 2),
            new("valueLoss", 0.5 * Square(samples.Value - samples.Returns), weight: 0.5),
            LossTerm.Report("largeSteps", Abs(samples.Ratio - 1) > 0.2),
        ]);
        using var agent = Agent.Create(loss.Options(new PpoOptions { Epochs = 4 }), environment, seed: 1);
        agent.Train(steps);
        Console.WriteLine($"own loss {agent.Evaluate(episodes: 20)}");
    }
}

internal static class Deriving
{
    public static void Run()
    {
        var (x, w) = (Input("x", 8, 3), Input("w", 3, 1));
        var loss = Mean(Softplus(-MatMul(x, w)));
        var program = loss.Compile<float>(gradientsOf: w);
        program.Set("x", new float[24]);
        program.Set("w", 0.1f, 0.2f, 0.3f);
        program.Run();
        Console.WriteLine($"loss {program.Value[0]}, slope {program.Gradient("w")[0]}");
    }
}
