using System;

namespace Rl.Samples;

/// <summary>What control theory knows of a linear system with a quadratic cost: the best controller is linear in the
/// state, whatever the noise, and its gains come from Riccati's equation.</summary>
internal static class Control
{
    /// <summary>The controller of the least mean cost (but for the motor's limits, which it hardly meets).</summary>
    public static Func<float[], double> Best()
    {
        // x′ = A x + B u with A = [1 h; 0 1], B = [0; h]; cost xᵀ Q x + r u² with Q = [1 0; 0 0].
        // P, symmetric, is iterated: P ← Q + AᵀPA − AᵀPB (r + BᵀPB)⁻¹ BᵀPA; the gains are (r + BᵀPB)⁻¹ BᵀPA.
        const double H = Telescope.Seconds;
        var (p11, p12, p22) = (0.0, 0.0, 0.0);
        var (gain1, gain2) = (0.0, 0.0);
        for (var iteration = 0; iteration < 10_000; iteration++)
        {
            var scale = Telescope.EffortCost + (H * H * p22);
            gain1 = H * p12 / scale;
            gain2 = H * ((H * p12) + p22) / scale;
            var (a12, a22) = (p12 + (H * p11), p22 + (2 * H * p12) + (H * H * p11));
            (p11, p12, p22) = (
                1 + p11 - (scale * gain1 * gain1),
                a12 - (scale * gain1 * gain2),
                a22 - (scale * gain2 * gain2));
        }

        return state => -((gain1 * state[0]) + (gain2 * state[1]));
    }
}
