namespace Rl.Tutorial;

/// <summary>The five gaps of the tutorial as functions of numbers, so that the same checks serve C# and F#.</summary>
public interface IExercise
{
    /// <summary>TODO 1: writes a step of a copy into its row of the rollout.</summary>
    void Store(Rollout rollout, int time, int copy, Transition transition);

    /// <summary>TODO 2: writes the action µ + σ · noise and gives its log-probability.</summary>
    /// <param name="mean">µ.</param>
    /// <param name="logDeviation">ln σ.</param>
    /// <param name="noise">Standard normal numbers, as many as there are means.</param>
    /// <param name="action">Where the action goes.</param>
    float Act(float[] mean, float[] logDeviation, float[] noise, float[] action);

    /// <summary>TODO 3: the advantage estimates of all rows, in the order of the rows.</summary>
    float[] Advantages(Rollout rollout, double discount, double lambda);

    /// <summary>TODO 4: θ after one step of gradient descent on ½ Σ (θᵢ − targetᵢ)², whose gradient is scaled down to a
    /// largest norm.</summary>
    float[] Descend(float[] theta, float[] target, double learningRate, double maxGradientNorm);

    /// <summary>TODO 5: the loss of a minibatch.</summary>
    double Loss(LossBatch batch, LossOptions options);
}
