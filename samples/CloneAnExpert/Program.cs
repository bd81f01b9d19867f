// The course's first homework: an expert is trained, its episodes are recorded, and a policy is cloned from them; then
// DAgger lets its learner act and asks the expert what it would have done there.
// dotnet run -c Release --project samples/CloneAnExpert -- LunarLanderContinuous-v3 [--expert agent.rl] [--seeds 5]
using System;
using System.Globalization;
using System.IO;
using System.Linq;
using Rl;

CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
var isQuick = args.Contains("--quick");
var given = args.Where((word, index) => !word.StartsWith("--", StringComparison.Ordinal)
    && (index == 0 || args[index - 1] is not ("--expert" or "--seeds"))).FirstOrDefault();
var id = given ?? (isQuick ? "CartPole-v1" : "LunarLanderContinuous-v3");
var environment = Environments.Make(id);
var seeds = int.Parse(Value("--seeds") ?? "1", CultureInfo.InvariantCulture);
int[] recorded = isQuick ? [5] : [1, 5, 20];
var evaluated = isQuick ? 20 : 100;

// The expert: an agent's file, or one that is trained now.
var expert = Value("--expert") is { } file ? Expert.Load(file) : Train();
var best = Returns(expert);
Console.WriteLine($"{"expert",-28} {best,8:F1}");
Console.WriteLine("environment,method,seed,episodesOrLabels,meanReturn,standardError,shareOfExpert");
for (var seed = 1UL; seed <= (ulong)seeds; seed++)
{
    // Cloning: episodes of the expert, learned from without an environment.
    foreach (var episodes in recorded)
    {
        var data = expert.Record(environment, episodes, seed);
        var cloning = new BcOptions { TotalSteps = isQuick ? 1_000 : 20_000, LearningRate = Schedule.Linear(1e-3, 0) };
        using var clone = Agent.Create(cloning, data, seed);
        clone.Train();
        Report("bc", seed, episodes, clone);
    }

    // DAgger: the same number of gradient steps on what the expert says of the states that the learner comes to.
    var asking = new DaggerOptions
    {
        TotalSteps = isQuick ? 10_000 : 100_000,
        RoundSteps = isQuick ? 2_000 : 5_000,
        GradientSteps = isQuick ? 200 : 1_000,
        LearningRate = Schedule.Linear(1e-3, 0),
    };
    using var student = Agent.Create(asking, environment, expert, seed);
    student.Train();
    Report("dagger", seed, (int)student.Steps, student);
}

string? Value(string name) =>
    Array.IndexOf(args, name) is >= 0 and var place && place + 1 < args.Length ? args[place + 1] : null;

Expert Train()
{
    var options = new PpoOptions { TotalSteps = isQuick ? 100_000 : 1_000_000 };
    using var teacher = Agent.Create(options, environment, seed: 1);
    teacher.Train();
    return Expert.Of(teacher);
}

double Returns(Expert acting) => acting.Record(environment, evaluated, seed: 1_000).Episodes.Average(e => e.Return);

void Report(string method, ulong seed, int shown, Agent agent)
{
    var evaluation = agent.Evaluate(environment, evaluated, seed: 1_000);
    Console.WriteLine(
        $"{id},{method},{seed},{shown},{evaluation.Mean:F2},{evaluation.StandardError:F2},"
        + $"{evaluation.Mean / best:F3}");
}
