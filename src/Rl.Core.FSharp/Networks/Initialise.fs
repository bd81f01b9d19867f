/// Random starting values of parameter blocks: the initialisers of the literature, with PyTorch's conventions.
namespace Rl.Core.Networks

open System
open System.Numerics
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

    /// Columns that are reflected side by side: few enough for a cache, enough to keep the arithmetic busy.
    [<Literal>]
    let private Panel = 32

    /// x ← x − 2 (v·x) v for the columns x of a panel [rows, Panel] and a unit vector v that is zero before `start`. Columns lie side by side in
    /// vector registers; each is summed in the order of its rows, so that its bits depend on nothing else.
    let private reflect (v: float[]) (panel: float[]) (start: int) =
        let width = Vector<float>.Count
        let sums = Scratch.span<float> Panel
        sums.Clear()

        for row in start .. v.Length - 1 do
            let factor = Vector<float>(v[row])
            let mutable column = 0

            while column < Panel do
                let sum = Vector<float>(Span.op_Implicit (sums.Slice column): ReadOnlySpan<float>)
                let next = sum + factor * Vector<float>(panel, row * Panel + column)
                next.CopyTo(sums.Slice column)
                column <- column + width

        for column in 0 .. Panel - 1 do
            sums[column] <- 2.0 * sums[column]

        for row in start .. v.Length - 1 do
            let factor = Vector<float>(v[row])
            let mutable column = 0

            while column < Panel do
                let place = row * Panel + column
                let sum = Vector<float>(Span.op_Implicit (sums.Slice column): ReadOnlySpan<float>)
                (Vector<float>(panel, place) - sum * factor).CopyTo(panel, place)
                column <- column + width

    /// The unit vector whose reflection takes the column to a multiple of the k-th unit vector, and the sign of that multiple.
    let private reflector (panel: float[]) (rows: int) (column: int) (k: int) : struct (float[] * float) =
        let v = Array.init rows (fun row -> if row < k then 0.0 else panel[row * Panel + column])

        let norm () =
            let mutable total = 0.0

            for row in k .. rows - 1 do
                total <- total + v[row] * v[row]

            Math.Sqrt total

        let size = norm ()
        let diagonal = if v[k] > 0.0 then -size else size
        v[k] <- v[k] - diagonal
        let length = norm ()

        if length > 0.0 then
            for row in k .. rows - 1 do
                v[row] <- v[row] / length

        struct (v, (if diagonal < 0.0 then -1.0 else 1.0))

    /// The columns of Q of A = QR with R's diagonal positive, by Householder reflections, a panel of columns at a time (Golub and Van Loan 2013,
    /// section 5.2). `columns` are at least as long as they are many.
    let private orthonormalise (columns: float[][]) =
        let rows = columns[0].Length
        let reflectors = Array.zeroCreate<float[]> columns.Length
        let signs = Array.zeroCreate<float> columns.Length
        let panel = Array.zeroCreate<float>(rows * Panel)

        for first in 0..Panel .. columns.Length - 1 do
            let count = min Panel (columns.Length - first)
            Array.Clear panel

            for column in 0 .. count - 1 do
                for row in 0 .. rows - 1 do
                    panel[row * Panel + column] <- columns[first + column][row]

            for k in 0 .. first - 1 do
                reflect reflectors[k] panel k

            for column in 0 .. count - 1 do
                let k = first + column
                let struct (v, sign) = reflector panel rows column k
                reflectors[k] <- v
                signs[k] <- sign
                if column < count - 1 then reflect v panel k

        let q = Array.init columns.Length (fun _ -> Array.zeroCreate<float> rows)

        for first in 0..Panel .. columns.Length - 1 do
            let count = min Panel (columns.Length - first)
            Array.Clear panel

            for column in 0 .. count - 1 do
                panel[(first + column) * Panel + column] <- signs[first + column]

            // Reflectors behind a column leave it as it is.
            for k in first + count - 1 .. -1 .. 0 do
                reflect reflectors[k] panel k

            for column in 0 .. count - 1 do
                for row in 0 .. rows - 1 do
                    q[first + column][row] <- panel[row * Panel + column]

        q

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
