using static Rl.Expr;

namespace Rl.Tutorial;

/// <summary>The gaps as functions of numbers: what the checks call.</summary>
public sealed class Numbers : IExercise
{
    /// <inheritdoc/>
    public void Store(Rollout rollout, int time, int copy, Transition transition) =>
        Exercise.Store(rollout, time, copy, transition);

    /// <inheritdoc/>
    public float Act(float[] mean, float[] logDeviation, float[] noise, float[] action) =>
        Exercise.Act(mean, logDeviation, noise, action);

    /// <inheritdoc/>
    public float[] Advantages(Rollout rollout, double discount, double lambda) =>
        Exercise.Advantages(rollout, discount, lambda);

    /// <inheritdoc/>
    public float[] Descend(float[] theta, float[] target, double learningRate, double maxGradientNorm)
    {
        var parameters = Input("theta", theta.Length);
        var loss = (0.5 * Sum(Square(parameters - Input("target", theta.Length)))).Compile<float>(parameters);
        loss.Set("target", target);
        float[] moved = [.. theta];
        Exercise.Descend(loss, moved, new GradientDescent(learningRate), maxGradientNorm);
        return moved;
    }

    /// <inheritdoc/>
    public double Loss(LossBatch batch, LossOptions options)
    {
        (string Name, float[] Values)[] columns =
        [
            ("logProbability", batch.LogProbabilities),
            ("oldLogProbability", batch.OldLogProbabilities),
            ("advantage", batch.Advantages),
            ("value", batch.Values),
            ("return", batch.Returns),
            ("entropy", batch.Entropies),
        ];
        Expr Column(int i) => Input(columns[i].Name, columns[i].Values.Length);
        var loss = Exercise.Loss(new(Column(0), Column(1), Column(2), Column(3), Column(4), Column(5)), options);
        for (var i = 0; i < columns.Length; i++)
        {
            // A gap that leaves an input out would leave the program without it.
            loss += 0 * Sum(Column(i));
        }

        var program = loss.Compile<float>();
        foreach (var (name, values) in columns)
        {
            program.Set(name, values);
        }

        program.Run();
        return program.Value[0];
    }
}
