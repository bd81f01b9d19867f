/// Random starting values of parameter blocks: the initialisers of the literature, with PyTorch's conventions.
namespace Rl.Core.Networks

open System
open Rl.Core.Foundations
open Rl.Core.Autodiff

/// How a block of parameters starts. The fans of a matrix [inputs, outputs] are its two lengths; those of a convolution's
/// weight [o, c, kh, kw] are c·kh·kw and o·kh·kw.
[<RequireQualifiedAccess>]
type Initialiser =
    /// The same number everywhere.
    | Constant of value: float
    /// Uniform in [low, high).
    | Uniform of low: float * high: float
    /// Normal with the given mean and standard deviation.
    | Normal of mean: float * standardDeviation: float
    /// A (semi-)orthogonal matrix times the gain, QᵀQ = gain² I, uniform over all such matrices; the shape is read as the
    /// matrix [first axis, all others] (Saxe, McClelland and Ganguli 2014; uniform by Mezzadri 2007).
    | Orthogonal of gain: float
    /// U(±gain √(6 / (fanIn + fanOut))) (Glorot and Bengio 2010).
    | XavierUniform of gain: float
    /// N(0, gain² · 2 / (fanIn + fanOut)) (Glorot and Bengio 2010).
    | XavierNormal of gain: float
    /// U(±gain √(3 / fanIn)) (He et al. 2015).
    | KaimingUniform of gain: float
    /// N(0, gain² / fanIn) (He et al. 2015).
    | KaimingNormal of gain: float
    /// U(±1 / √fanIn) with the fan given: PyTorch's default for the weight and the bias of a linear or convolution layer.
    | TorchLinear of fanIn: int

/// Draws from initialisers.
[<RequireQualifiedAccess>]
module Initialiser =

    /// The number of inputs and outputs that one element of the shape connects: struct (fanIn, fanOut).
    let fans (shape: Shape) =
        match shape with
        | [| inputs; outputs |] -> struct (inputs, outputs)
        | [| outputs; channels; height; width |] -> struct (channels * height * width, outputs * height * width)
        | _ ->
            Guard.fail
                (nameof shape)
                $"The shape {Shape.print shape} has no fans; they need a matrix [inputs, outputs] or a convolution [o, c, kh, kw]."

    /// The factor √2 of orthogonal and Kaiming weights before a rectifier, used before tanh too in policy networks.
    let rootTwo = Math.Sqrt 2.0

    let private dot (a: float[]) (b: float[]) start =
        let mutable total = 0.0

        for i in start .. a.Length - 1 do
            total <- total + a[i] * b[i]

        total

    /// x ← x − 2 (v·x) v for a unit vector v that is zero before `start`.
    let private reflect (v: float[]) (x: float[]) start =
        let factor = 2.0 * dot v x start

        for i in start .. x.Length - 1 do
            x[i] <- x[i] - factor * v[i]

    /// The columns of Q of A = QR with R's diagonal positive, by Householder reflections. `columns` (at least as long as they
    /// are many) is overwritten.
    let private orthonormalise (columns: float[][]) =
        let rows = columns[0].Length
        let reflectors = Array.zeroCreate<float[]> columns.Length
        let signs = Array.zeroCreate<float> columns.Length

        for k in 0 .. columns.Length - 1 do
            let v = Array.copy columns[k]
            Array.Clear(v, 0, k)
            let norm = Math.Sqrt(dot v v k)
            let diagonal = if v[k] > 0.0 then -norm else norm
            v[k] <- v[k] - diagonal
            let length = Math.Sqrt(dot v v k)

            if length > 0.0 then
                for i in k .. rows - 1 do
                    v[i] <- v[i] / length

            reflectors[k] <- v
            signs[k] <- if diagonal < 0.0 then -1.0 else 1.0

            for j in k + 1 .. columns.Length - 1 do
                reflect v columns[j] k

        Array.init columns.Length (fun k ->
            let q = Array.zeroCreate<float> rows
            q[k] <- signs[k]

            for j in columns.Length - 1 .. -1 .. 0 do
                reflect reflectors[j] q j

            q)

    let private fill (count: int) (draw: Rng -> struct (float * Rng)) (rng: Rng) =
        let values = Array.zeroCreate<float> count
        let mutable rng = rng

        for i in 0 .. count - 1 do
            let struct (value, next) = draw rng
            values[i] <- value
            rng <- next

        struct (values, rng)

    let private uniform count bound rng = fill count (Rng.uniformIn -bound bound) rng

    let private normal count mean deviation rng =
        let draw rng =
            let struct (value, next) = Rng.normal rng
            struct (mean + deviation * value, next)

        fill count draw rng

    let private orthogonal (shape: Shape) gain rng =
        if shape.Length < 2 then
            Guard.fail
                (nameof shape)
                $"The shape {Shape.print shape} cannot be orthogonal; it needs at least two axes. Use a constant for biases."

        let rows, columns = shape[0], Shape.count shape[1..]
        let long, short = max rows columns, min rows columns
        let struct (gaussian, rng) = fill (long * short) Rng.normal rng

        if gaussian.Length = 0 then
            struct (gaussian, rng)
        else
            let q = orthonormalise (Array.init short (fun k -> gaussian[k * long .. (k + 1) * long - 1]))

            let entry row column = if rows >= columns then q[column][row] else q[row][column]
            struct (Array.init (rows * columns) (fun i -> gain * entry (i / columns) (i % columns)), rng)

    /// Draws the values of a block, row-major: struct (values, the generator that follows).
    let sample (shape: Shape) (initialiser: Initialiser) (rng: Rng) : struct (float[] * Rng) =
        Shape.validate (nameof shape) shape
        let count = Shape.count shape

        match initialiser with
        | Initialiser.Constant value -> struct (Array.create count value, rng)
        | Initialiser.Uniform(low, high) -> fill count (Rng.uniformIn low high) rng
        | Initialiser.Normal(mean, deviation) -> normal count mean deviation rng
        | Initialiser.Orthogonal gain -> orthogonal shape gain rng
        | Initialiser.XavierUniform gain ->
            let struct (inputs, outputs) = fans shape
            uniform count (gain * Math.Sqrt(6.0 / float (inputs + outputs))) rng
        | Initialiser.XavierNormal gain ->
            let struct (inputs, outputs) = fans shape
            normal count 0.0 (gain * Math.Sqrt(2.0 / float (inputs + outputs))) rng
        | Initialiser.KaimingUniform gain ->
            let struct (inputs, _) = fans shape
            uniform count (gain * Math.Sqrt(3.0 / float inputs)) rng
        | Initialiser.KaimingNormal gain ->
            let struct (inputs, _) = fans shape
            normal count 0.0 (gain / Math.Sqrt(float inputs)) rng
        | Initialiser.TorchLinear fanIn ->
            Guard.positive (nameof fanIn) fanIn
            uniform count (1.0 / Math.Sqrt(float fanIn)) rng
