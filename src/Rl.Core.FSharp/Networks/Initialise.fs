/// Random starting values of parameter blocks: the initialisers of the literature, with PyTorch's conventions.
namespace Rl.Core.Networks

open System
open System.Numerics
open System.Runtime.InteropServices
open System.Threading.Tasks
open Rl.Core.Foundations
open Rl.Core.Autodiff

/// How a block of parameters starts. The fans of a matrix [inputs, outputs] are its two lengths; those of a
/// convolution's weight [o, c, kh, kw] are c·kh·kw and o·kh·kw.
[<RequireQualifiedAccess>]
type Initialiser =
    /// The same number everywhere.
    | Constant of value: float
    /// Uniform in [low, high).
    | Uniform of low: float * high: float
    /// Normal with the given mean and standard deviation.
    | Normal of mean: float * standardDeviation: float
    /// A (semi-)orthogonal matrix times the gain, QᵀQ = gain² I, uniform over all such matrices; the shape is read as
    /// the matrix [first axis, all others] (Saxe, McClelland and Ganguli 2014; uniform by Mezzadri 2007).
    | Orthogonal of gain: float
    /// An orthogonal matrix [inputs, outputs] whose columns are then divided by their lengths: 1 of each output.
    | UnitColumns
    /// U(±gain √(6 / (fanIn + fanOut))) (Glorot and Bengio 2010).
    | XavierUniform of gain: float
    /// N(0, gain² · 2 / (fanIn + fanOut)) (Glorot and Bengio 2010).
    | XavierNormal of gain: float
    /// U(±gain √(3 / fanIn)) (He et al. 2015).
    | KaimingUniform of gain: float
    /// N(0, gain² / fanIn) (He et al. 2015).
    | KaimingNormal of gain: float
    /// U(±1 / √fanIn), of which ⌈sparsity · fanIn⌉ of the inputs of each output, drawn at random, start at 0; one at
    /// least does not (Elsayed, Vasan and Mahmood 2024).
    | Sparse of sparsity: float
    /// U(±1 / √fanIn) with the fan given: PyTorch's default for the weight and the bias of a linear or convolution
    /// layer.
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
                ($"The shape {Shape.print shape} has no fans; they need a "
                 + "matrix [inputs, outputs] or a convolution [o, c, kh, kw].")

    /// The factor √2 of orthogonal and Kaiming weights before a rectifier, used before tanh too in policy networks.
    let rootTwo = Math.Sqrt 2.0

    /// Columns that are reflected side by side: few enough for a cache, enough to keep the arithmetic busy.
    [<Literal>]
    let private Panel = 32

    /// x ← x − 2 (v·x) v for the columns x of a panel [rows, Panel], from `column` on as many as four vector registers
    /// hold, and a unit vector v that is zero before `start`. Each column is summed in the order of its rows, so that
    /// its bits depend on nothing else.
    let private reflectSome (v: float[]) (panel: float[]) (start: int) (column: int) =
        let width = unativeint Vector<float>.Count
        let origin = &MemoryMarshal.GetArrayDataReference panel
        let mutable place = unativeint (start * Panel + column)
        let mutable a, b = Vector<float>.Zero, Vector<float>.Zero
        let mutable c, d = Vector<float>.Zero, Vector<float>.Zero

        for row in start .. v.Length - 1 do
            let factor = Vector<float>(v[row])
            a <- a + factor * Vector.LoadUnsafe(&origin, place)
            b <- b + factor * Vector.LoadUnsafe(&origin, place + width)
            c <- c + factor * Vector.LoadUnsafe(&origin, place + 2un * width)
            d <- d + factor * Vector.LoadUnsafe(&origin, place + 3un * width)
            place <- place + unativeint Panel

        let two = Vector<float> 2.0
        a <- two * a
        b <- two * b
        c <- two * c
        d <- two * d
        place <- unativeint (start * Panel + column)

        for row in start .. v.Length - 1 do
            let factor = Vector<float>(v[row])
            (Vector.LoadUnsafe(&origin, place) - a * factor).StoreUnsafe(&origin, place)
            (Vector.LoadUnsafe(&origin, place + width) - b * factor).StoreUnsafe(&origin, place + width)
            (Vector.LoadUnsafe(&origin, place + 2un * width) - c * factor).StoreUnsafe(&origin, place + 2un * width)
            (Vector.LoadUnsafe(&origin, place + 3un * width) - d * factor).StoreUnsafe(&origin, place + 3un * width)
            place <- place + unativeint Panel

    /// `reflectSome` for all columns of a panel.
    let private reflect (v: float[]) (panel: float[]) (start: int) =
        for column in 0 .. 4 * Vector<float>.Count .. Panel - 1 do
            reflectSome v panel start column

    /// The unit vector whose reflection takes the column to a multiple of the k-th unit vector, and the sign of that
    /// multiple.
    let private reflector (panel: float[]) (rows: int) (column: int) (k: int) : struct (float[] * float) =
        let v = Array.zeroCreate<float> rows

        for row in k .. rows - 1 do
            v[row] <- panel[row * Panel + column]

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

    /// Does the work of panels `first`, …, `last`, which do not depend on each other, on several threads where it is
    /// worth that.
    let private panelwise (rows: int) (first: int) (last: int) (work: int -> unit) =
        if (last - first + 1) * rows < 4096 then
            for panel in first..last do
                work panel
        else
            Parallel.For(first, last + 1, work) |> ignore

    /// Q of A = QR with R's diagonal positive, by Householder reflections (Golub and Van Loan 2013, section 5.2). A's
    /// columns, `count` of `rows` numbers (at least as many), lie one after the other; Q's lie in panels [rows, Panel].
    let private orthonormalise (columns: float[]) (rows: int) (count: int) : float[][] =
        let panels = Array.init ((count + Panel - 1) / Panel) (fun _ -> Array.zeroCreate<float>(rows * Panel))

        for column in 0 .. count - 1 do
            let panel = panels[column / Panel]

            for row in 0 .. rows - 1 do
                panel[row * Panel + column % Panel] <- columns[column * rows + row]

        let reflectors = Array.zeroCreate<float[]> count
        let signs = Array.zeroCreate<float> count

        for number in 0 .. panels.Length - 1 do
            let first = number * Panel
            let last = min (first + Panel) count - 1

            for k in first..last do
                let struct (v, sign) = reflector panels[number] rows (k - first) k
                reflectors[k] <- v
                signs[k] <- sign
                reflect v panels[number] k

            panelwise rows (number + 1) (panels.Length - 1) (fun later ->
                for k in first..last do
                    reflect reflectors[k] panels[later] k)

        panelwise rows 0 (panels.Length - 1) (fun number ->
            let panel = panels[number]
            let first = number * Panel
            let last = min (first + Panel) count - 1
            Array.Clear panel

            for k in first..last do
                panel[k * Panel + k - first] <- signs[k]

            // Reflectors behind a column leave it as it is.
            for k in last .. -1 .. 0 do
                reflect reflectors[k] panel k)

        panels

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
                ($"The shape {Shape.print shape} cannot be orthogonal; it "
                 + "needs at least two axes. Use a constant for biases.")

        let rows, columns = shape[0], Shape.count shape[1..]
        let long, short = max rows columns, min rows columns
        let struct (gaussian, rng) = fill (long * short) Rng.normal rng

        if gaussian.Length = 0 then
            struct (gaussian, rng)
        else
            let q = orthonormalise gaussian long short
            let element row column = q[column / Panel][row * Panel + column % Panel]
            let entry row column = if rows >= columns then element row column else element column row
            struct (Array.init (rows * columns) (fun i -> gain * entry (i / columns) (i % columns)), rng)

    let private sparse (shape: Shape) (sparsity: float) rng =
        Guard.inRange (nameof sparsity) 0.0 1.0 sparsity
        let struct (inputs, _) = fans shape
        let count = Shape.count shape
        let struct (values, rng) = uniform count (1.0 / Math.Sqrt(float inputs)) rng
        let outputs = if inputs = 0 then 0 else count / inputs
        let zeros = min (inputs - 1) (int (Math.Ceiling(sparsity * float inputs)))
        let place input output = if shape.Length = 2 then input * outputs + output else output * inputs + input
        let order = Array.init inputs id
        let mutable rng = rng

        for output in 0 .. outputs - 1 do
            rng <- Rng.shuffle (Span order) rng

            for chosen in 0 .. zeros - 1 do
                values[place order[chosen] output] <- 0.0

        struct (values, rng)

    /// Draws the values of a block, row-major: struct (values, the generator that follows).
    let sample (shape: Shape) (initialiser: Initialiser) (rng: Rng) : struct (float[] * Rng) =
        Shape.validate (nameof shape) shape
        let count = Shape.count shape

        match initialiser with
        | Initialiser.Constant value -> struct (Array.create count value, rng)
        | Initialiser.Uniform(low, high) -> fill count (Rng.uniformIn low high) rng
        | Initialiser.Normal(mean, deviation) -> normal count mean deviation rng
        | Initialiser.Orthogonal gain -> orthogonal shape gain rng
        | Initialiser.UnitColumns ->
            let struct (values, rng) = orthogonal shape 1.0 rng
            let columns = Shape.count shape[1..]
            let squares = Array.zeroCreate<float> columns

            for index in 0 .. count - 1 do
                let column = index % columns
                squares[column] <- squares[column] + values[index] * values[index]

            struct (values |> Array.mapi (fun index value -> value / sqrt squares[index % columns]), rng)
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
        | Initialiser.Sparse sparsity -> sparse shape sparsity rng
        | Initialiser.TorchLinear fanIn ->
            Guard.positive (nameof fanIn) fanIn
            uniform count (1.0 / Math.Sqrt(float fanIn)) rng
