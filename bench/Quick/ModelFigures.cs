using Microsoft.FSharp.Collections;
using Rl.Core.Algorithms;
using Rl.Core.Environments;
using Rl.Core.Experience;
using Rl.Core.Foundations;
using Rl.Core.Learning;
using Rl.Core.Networks;
using Rl.Core.Planning;

namespace Rl.Bench.Quick;

/// <summary>Learnt models of the world: a gradient step of an ensemble, and the returns of one search of a
/// planner.</summary>
internal static class ModelFigures
{
    private const int Observations = 5;
    private const int Actions = 1;
    private const int Rows = 256;

    /// <summary>The figures, measured one after the other, beside the machine's multiply-add rate.</summary>
    public static IEnumerable<(string Name, Func<Figure> Measured)> All(Lazy<double> peak)
    {
        yield return ("model_ensemble_7x4x200", () => Fit(peak.Value));
        yield return ("model_planning_4x200", () => Plan("model_planning_4x200", [200, 200, 200, 200]));
        yield return ("model_planning_2x64", () => Plan("model_planning_2x64", [64, 64]));
    }

    private static ModelOptions Options(int[] hidden)
    {
        var d = ModelOptionsModule.defaults;
        return new ModelOptions(
            7, 5, d.Model, ListModule.OfSeq(hidden), d.ModelActivation, d.LearnVarianceBounds, d.Bootstrap,
            d.NormaliseTargets, d.ImaginedRewards, d.ModelInterval, Rows, d.ModelLearningRate, d.ModelWeightDecay,
            d.HeldOutShare, d.ModelPatience, d.ModelEpochs);
    }

    private static float[] Normals(int count)
    {
        var values = new float[count];
        RngModule.normals(values, RngModule.create(3UL));
        return values;
    }

    /// <summary>A gradient step of seven Gaussian networks of 4x200 on 256 rows each, with Adam and weight decay, as
    /// one program.</summary>
    private static Figure Fit(double peak)
    {
        using var workers = new Workers(1);
        var options = Options([200, 200, 200, 200]);
        var network = ModelOptionsModule.network(options, Observations, Actions, true, false);
        var fit = new ModelFit(network, options, 0, workers);
        var theta = Parameters(network);
        var environment = Registry.make("Pendulum-v1").Vectorise(1);
        fit.Load(new Draft(TrainingStateModule.create(environment, theta, fit.Arrays, RngModule.create(1UL))));
        var columns = Enumerable.Range(0, 7).SelectMany(member => new[]
        {
            Tuple.Create(ColumnModule.step($"modelInputs {member}", Observations + Actions), Normals(Rows * 6)),
            Tuple.Create(ColumnModule.step($"modelTargets {member}", Observations + 1), Normals(Rows * 6)),
        });
        var samples = new Samples(
            1,
            Microsoft.FSharp.Core.FuncConvert.FromFunc<int, ValueTuple<int, int>>(row => (row, 0)),
            ListModule.OfSeq(columns));
        var update = fit.Update;
        var (seconds, bytes) = Measure.Run(() =>
        {
            update.ChooseAll(samples);
            update.Run(workers);
        });
        var rate = update.Program.Flops / seconds;
        return new Figure("model_ensemble_7x4x200", rate / 1e9, "GFLOP/s", rate / peak, bytes);
    }

    /// <summary>Decisions a second of the cross-entropy method with 5 fits of 350 sequences of 15 actions, each judged
    /// by 20 trajectories in an ensemble of five members: 525,000 imagined steps a decision.</summary>
    private static Figure Plan(string name, int[] hidden)
    {
        using var workers = new Workers(1);
        var options = Options(hidden);
        var known = KnownTasks.find("CartPoleSwingUp-v0");
        var network = ModelOptionsModule.network(options, Observations, Actions, false, false);
        var propagation = Core.Algorithms.Propagation.TrajectorySamplingInfinite;
        var planning = new ModelPlanning(20, propagation, Observations, known);
        var returns = new ModelReturns(network, planning, 5, workers);
        var theta = Parameters(network);
        var own = theta.Length / 7;
        returns.Load(
            ModelFrameModule.identity(Observations + Actions, Observations),
            [0, 1, 2, 3, 4],
            Microsoft.FSharp.Core.FuncConvert.FromFunc<int, ReadOnlyMemory<float>>(
                member => new ReadOnlyMemory<float>(theta, member * own, own)));
        var defaults = CrossEntropyOptionsModule.defaults;
        var planner = new CrossEntropy(
            new CrossEntropyOptions(
                15, 350, 5, defaults.EliteFraction, defaults.Smoothing, defaults.InitialDeviation, defaults.Sampling,
                defaults.ReturnsMean, defaults.KeepsPlan),
            new PlanningSpace(Registry.make("CartPoleSwingUp-v0").ActionSpace));
        var state = planner.Start(RngModule.create(6UL));
        float[] hangs = [0, -1, 0, 0, 0];
        var (seconds, bytes) = Measure.Run(() =>
        {
            returns.Start(hangs, state.Key);
            planner.Decide(state, returns);
        });
        return new Figure(name, 1 / seconds, "decisions/s", null, bytes);
    }

    private static float[] Parameters(ModelNetwork network) => Array.ConvertAll(
        LayoutModule.initialise(RngModule.create(1UL), ModelNetworkModule.layout(network)).Item1,
        value => (float)value);
}
