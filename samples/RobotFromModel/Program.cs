// From a robot's file to a policy that controls it (slide 16): load the model, make the environment for the control
// loop, write the reward, train. The robot is a box that drags itself ahead with one arm (crawler.xml); any MJCF file
// will do.
// It runs on the MuJoCo that is installed.
// dotnet run -c Release --project samples/RobotFromModel [-- --quick] [-- --film crawler.gif]
using System;
using System.Globalization;
using System.IO;
using System.Linq;
using Rl;
using Rl.MuJoCo;
using Rl.Rendering;

CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
var isQuick = args.Contains("--quick");
if (!MujocoLibrary.IsAvailable)
{
    Console.WriteLine(MujocoLibrary.Problem);
    return 0;
}

using var model = MujocoModel.Load(Path.Combine(AppContext.BaseDirectory, "crawler.xml"));
Console.WriteLine($"{model}, on MuJoCo {MujocoLibrary.Version}");
var task = new MujocoTask
{
    FrameSkip = 8,
    MaxEpisodeSteps = 250,
    ResetNoise = 0.01,
    Observe = (robot, seen) => seen
        .Add(robot.Positions[1..])
        .Add(robot.Velocities)
        .Add(0.1 * robot.Sensor("grip")[0]),
    Reward = step => step.MeanVelocity("trunk").X - (0.01 * step.Effort),
    Terminated = step => Math.Abs(step.Simulation.Positions[2]) > 1,
};
using var environment = new MujocoEnvironment(model, task);

var options = new PpoOptions
{
    TotalSteps = isQuick ? 100_000 : 400_000,
    EnvironmentCopies = 16,
    RolloutSteps = 128,
    MinibatchSize = 256,
    LearningRate = Schedule.Linear(1e-3, 0),
    ActionScaling = ActionScaling.Bounds,
};
using var agent = Agent.Create(options, environment, seed: 1);
var untrained = agent.Evaluate(environment, episodes: 10, seed: 100);
var result = agent.Train();
var trained = agent.Evaluate(environment, episodes: 10, seed: 100);
var gait = BestGait();
var metres = trained.Mean * model.Timestep * task.FrameSkip;
Console.WriteLine($"untrained       {untrained.Mean,7:F1}");
Console.WriteLine($"trained         {trained.Mean,7:F1}, {metres:F1} m in 10 s, {result.StepsPerSecond:N0} steps/s");
Console.WriteLine($"best of a grid  {gait,7:F1}, of swings of both joints by frequency and phase");
if (Array.IndexOf(args, "--film") is >= 0 and var place && place + 1 < args.Length)
{
    agent.Play(environment, seed: 1).Record(args[place + 1]);
}

// Half of what the best gait brings is far beyond any that falls into place by chance.
return trained.Mean > Math.Max(untrained.Mean, gait / 2) ? 0 : 1;

// What somebody might program: both joints swing, one behind the other.
double BestGait()
{
    using var robot = new MujocoEnvironment(model, task);
    var best = double.NegativeInfinity;
    for (var frequency = 0.5; frequency <= 3; frequency += 0.25)
    {
        for (var phase = 0; phase < 8; phase++)
        {
            robot.Reset(1);
            var (sum, isOver) = (0.0, false);
            for (var step = 0; step < 250 && !isOver; step++)
            {
                var angle = 2 * Math.PI * frequency * 0.04 * step;
                var shoulder = -0.2 + (0.6 * Math.Sin(angle));
                var elbow = 1.3 + (0.8 * Math.Sin(angle + (phase * Math.PI / 4)));
                var next = robot.Step([(float)shoulder, (float)elbow]);
                (sum, isOver) = (sum + next.Reward, next.IsOver);
            }

            best = Math.Max(best, sum);
        }
    }

    return best;
}
