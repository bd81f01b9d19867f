/// Learnt noise in the dense layers of a whole network: each of their numbers w has a deviation σ and counts as w + σ
/// ε.
namespace Rl.Core.Networks

open System
open Rl.Core.Autodiff
open Rl.Core.Foundations

/// A network with noise in its dense layers (Fortunato et al. 2018, "Noisy networks for exploration"); each layer is
/// one of `NoisyDense`. θ is that of the network without noise, the means, followed by the deviations of its dense
/// layers in the same order, which start at `deviation`/√inputs. The last blocks of `means` must be dense layers: a
/// weight [inputs, outputs] and a bias [outputs] each.
[<Sealed>]
type NoisyNetwork(kind: ParameterNoise, deviation: float, means: Layout) =
    do Guard.notNegativeNumber (nameof deviation) deviation

    // Weight and bias of the dense layers, first to last.
    let layers: struct (Block * Block)[] =
        let blocks = means.Blocks

        let isDense last =
            last >= 1
            && blocks[last - 1].Shape.Length = 2
            && blocks[last].Shape = [| blocks[last - 1].Shape[1] |]

        [| blocks.Count - 1 .. -2 .. 0 |]
        |> Array.takeWhile isDense
        |> Array.rev
        |> Array.map (fun last -> struct (blocks[last - 1], blocks[last]))

    do
        if layers.Length = 0 then
            Guard.fail (nameof means) $"Noise is for dense layers, and the last of the network is none: {means}."

    let first = (let struct (weight, _) = layers[0] in weight.Offset)
    let count = means.Count - first

    let normals =
        match kind with
        | ParameterNoise.Independent -> count
        | ParameterNoise.Factorised ->
            layers |> Array.sumBy (fun (struct (weight, bias)) -> weight.Shape[0] + bias.Count)

    let layout =
        let add known (struct (weight: Block, bias: Block)) =
            let start = Initialiser.Constant(deviation / sqrt (float weight.Shape[0]))
            known |> Layout.add weight.Name weight.Shape start |> Layout.add bias.Name bias.Shape start

        Layout.append means (Array.fold add Layout.empty layers |> Layout.under NoisyNetwork.Prefix)

    // f(x) = sgn(x) √|x|.
    let signedRoot (x: float) = Math.CopySign(Math.Sqrt(Math.Abs x), x)

    // εᵢⱼ = f(xᵢ) f(yⱼ) of a weight, then f(yⱼ) of its bias.
    let factorise (inputs: ReadOnlySpan<float>) (outputs: ReadOnlySpan<float>) (noise: Span<float>) =
        let width = outputs.Length
        let bias = noise.Slice(inputs.Length * width, width)

        for j in 0 .. width - 1 do
            bias[j] <- signedRoot outputs[j]

        for i in 0 .. inputs.Length - 1 do
            let row = noise.Slice(i * width, width)
            let before = signedRoot inputs[i]

            for j in 0 .. width - 1 do
                row[j] <- before * bias[j]

    /// The layout of the network without noise.
    member _.Means: Layout = means
    /// What the blocks of deviations lie under: "deviation".
    static member Prefix: string = "deviation"

    /// The layout of θ; the blocks of deviations lie under `Prefix`.
    member _.Layout: Layout = layout
    /// The number of deviations.
    member _.Count = count

    /// How many standard normal numbers a sample of the noise is made of: of factorised noise one for each input and
    /// each output of a layer, of independent noise one for each deviation.
    member _.Normals = normals

    /// ε [Count] from standard normal numbers [Normals]; of factorised noise each layer has its inputs' before its
    /// outputs'.
    member _.Spread(numbers: ReadOnlySpan<float>, noise: Span<float>) : unit =
        Guard.length (nameof numbers) normals numbers.Length
        Guard.length (nameof noise) count noise.Length

        if kind.IsIndependent then
            numbers.CopyTo noise
        else
            let mutable read, written = 0, 0

            for struct (weight, bias) in layers do
                let inputs = weight.Shape[0]
                let own = noise.Slice(written, weight.Count + bias.Count)
                factorise (numbers.Slice(read, inputs)) (numbers.Slice(read + inputs, bias.Count)) own
                read <- read + inputs + bias.Count
                written <- written + own.Length

    /// The parameters w + σ ∘ ε of the network without noise, for θ and ε [Count], which is constant to derivatives.
    member _.Parameters(theta: Parameters, noise: Expr) : Parameters =
        let elements from until = Expr.slice 0 from until theta.Theta
        let deviations = elements means.Count (means.Count + count)
        let moved = elements first means.Count + deviations * Expr.stopGradient noise
        let all = if first = 0 then moved else Expr.concat 0 [ elements 0 first; moved ]
        Parameters.create means all

    /// The same, written to `result` [Means.Count].
    member _.Perturb(theta: ReadOnlySpan<float32>, noise: ReadOnlySpan<float32>, result: Span<float32>) : unit =
        Guard.length (nameof theta) layout.Count theta.Length
        Guard.length (nameof noise) count noise.Length
        Guard.length (nameof result) means.Count result.Length
        theta.Slice(0, first).CopyTo result

        for index in first .. means.Count - 1 do
            result[index] <- theta[index] + theta[count + index] * noise[index - first]
