/// Fully connected layers with learnt noise in their parameters, for exploration.
namespace Rl.Core.Networks

open Rl.Core.Foundations
open Rl.Core.Autodiff

/// Which noise the weights share.
[<RequireQualifiedAccess>]
type ParameterNoise =
    /// A standard normal number for each weight: [inputs, outputs] and [outputs].
    | Independent
    /// A standard normal number for each input and each output, εᵢⱼ = f(εᵢ) f(εⱼ) with f(x) = sgn(x) √|x|.
    | Factorised

/// y = x (W + S ∘ ε) + b + s ∘ ε′ with deviations S [inputs, outputs] and s [outputs].
type NoisyDense =
    {
        Inputs: int
        Outputs: int
        Noise: ParameterNoise
        /// The start of the deviations, at least 0: of independent noise the deviation itself (0.017), of factorised
        /// noise times 1/√inputs (0.5).
        Deviation: float
    }

/// The layer's blocks are "weight", "bias", "weightDeviation" and "biasDeviation" (Fortunato et al. 2018, "Noisy
/// networks for exploration").
[<RequireQualifiedAccess>]
module NoisyDense =

    /// Noise of the given kind with the paper's start (its section 3.2).
    let create (noise: ParameterNoise) (inputs: int) (outputs: int) =
        let deviation =
            match noise with
            | ParameterNoise.Independent -> 0.017
            | ParameterNoise.Factorised -> 0.5

        { Inputs = inputs; Outputs = outputs; Noise = noise; Deviation = deviation }

    /// The layer's parameters: means uniform in ±√(3/inputs) for independent noise, ±1/√inputs for factorised.
    let layout (layer: NoisyDense) =
        Guard.positive (nameof layer.Inputs) layer.Inputs
        Guard.positive (nameof layer.Outputs) layer.Outputs
        Guard.notNegativeNumber (nameof layer.Deviation) layer.Deviation
        let inputs = float layer.Inputs

        let struct (bound, deviation) =
            match layer.Noise with
            | ParameterNoise.Independent -> struct (sqrt (3.0 / inputs), layer.Deviation)
            | ParameterNoise.Factorised -> struct (1.0 / sqrt inputs, layer.Deviation / sqrt inputs)

        let weight, bias = [| layer.Inputs; layer.Outputs |], [| layer.Outputs |]

        Layout.empty
        |> Layout.add "weight" weight (Initialiser.Uniform(-bound, bound))
        |> Layout.add "bias" bias (Initialiser.Uniform(-bound, bound))
        |> Layout.add "weightDeviation" weight (Initialiser.Constant deviation)
        |> Layout.add "biasDeviation" bias (Initialiser.Constant deviation)

    /// The layer at its means: x [..., inputs] to x W + b [..., outputs], for evaluation.
    let mean (parameters: Parameters) (x: Expr) : Expr = Dense.apply parameters x

    /// x [..., inputs] to y [..., outputs] with a number for each weight [inputs, outputs] and each bias [outputs],
    /// constant to derivatives.
    let independent (parameters: Parameters) (weightNoise: Expr) (biasNoise: Expr) (x: Expr) : Expr =
        let block name = Parameters.block name parameters
        let weight = block "weight" + block "weightDeviation" * Expr.stopGradient weightNoise
        Expr.matmul x weight + (block "bias" + block "biasDeviation" * Expr.stopGradient biasNoise)

    /// f(x) = sgn(x) √|x| of standard normal numbers, constant to derivatives.
    let private signedRoot (x: Expr) = Expr.stopGradient (Expr.sign x * Expr.sqrt (Expr.abs x))

    /// x [..., inputs] to y [..., outputs] with a number for each input and each output: [inputs] and [outputs], or
    /// [..., inputs] and [..., outputs] for noise of its own in each row, constant to derivatives. The matrix of noise
    /// is never made: x (S ∘ f(ε) f(ε′)ᵀ) = ((x ∘ f(ε)) S) ∘ f(ε′).
    let factorised (parameters: Parameters) (inputNoise: Expr) (outputNoise: Expr) (x: Expr) : Expr =
        let block name = Parameters.block name parameters
        let before, after = signedRoot inputNoise, signedRoot outputNoise
        let moved = Expr.matmul (x * before) (block "weightDeviation") + block "biasDeviation"
        mean parameters x + moved * after
