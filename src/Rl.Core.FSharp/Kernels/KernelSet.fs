/// Every loop that a compiled program can run, at one precision and one vector width.
namespace Rl.Core.Kernels

/// The sizes and strides (in elements) of C = A·B (+ bias) with A [m, k], B [k, n], C [m, n]; C's columns are
/// contiguous unless `CColumnStride` says otherwise.
type MatMulShape =
    {
        M: int
        N: int
        K: int
        ARowStride: int
        AColumnStride: int
        BRowStride: int
        BColumnStride: int
        CRowStride: int
        CColumnStride: int
    }

/// The geometry of a two-dimensional cross-correlation, NCHW: x [n, c, h, w], weight [o, c, kh, kw], y [n, o, oh, ow].
type ConvolutionShape =
    {
        Batch: int
        InputChannels: int
        Height: int
        Width: int
        OutputChannels: int
        KernelHeight: int
        KernelWidth: int
        Stride: int
        Padding: int
    }

    member this.OutputHeight = (this.Height + 2 * this.Padding - this.KernelHeight) / this.Stride + 1
    member this.OutputWidth = (this.Width + 2 * this.Padding - this.KernelWidth) / this.Stride + 1
    /// Elements of an image.
    member this.ImageSize = this.InputChannels * this.Height * this.Width
    /// Elements of a window, through all channels.
    member this.WindowSize = this.InputChannels * this.KernelHeight * this.KernelWidth
    /// Places of the window.
    member this.Positions = this.OutputHeight * this.OutputWidth

/// A rollout [Rows, Columns], time-major, and the constants of its backward recurrence; every address is that of a
/// row-major array.
[<Struct>]
type RolloutScan<'T when 'T: unmanaged> =
    {
        Rows: int
        Columns: int
        /// γ.
        Discount: 'T
        /// λ.
        Trace: 'T
        Rewards: nativeint
        Values: nativeint
        /// [Columns]: the values after the last row.
        LastValues: nativeint
        /// Bytes, 1 where the step terminated.
        Terminated: nativeint
        /// Bytes, 1 where the step was truncated.
        Truncated: nativeint
        /// The values of the observations that truncated steps ended in; read there alone.
        FinalValues: nativeint
        /// π/μ, or 0n for advantages without ratios.
        Ratios: nativeint
        /// The largest ratio that weighs an error.
        RatioClip: 'T
        Result: nativeint
    }

/// A pass of moving averages of a gradient and of its square, and of the parameters that they move. Addresses are those
/// of one element, or, where they say so, of `Count`; a new vector may lie where its old one does, and nowhere else
/// that is read.
[<Struct>]
type MomentStep =
    {
        FirstDecay: nativeint
        /// [Count]
        First: nativeint
        FirstWeight: nativeint
        /// [Count]
        Gradient: nativeint
        /// [Count]
        NewFirst: nativeint
        SecondDecay: nativeint
        /// [Count]
        Second: nativeint
        SecondWeight: nativeint
        /// [Count]: of the gradient, or what is to be squared.
        Square: nativeint
        /// Whether `Square` is squared already.
        IsSquared: bool
        /// [Count]
        NewSecond: nativeint
        Epsilon: nativeint
        Rate: nativeint
        /// [Count]
        Parameters: nativeint
        /// [Count]
        NewParameters: nativeint
        Count: int
    }

/// Addresses are unmanaged or pinned memory; counts and strides are in elements; no argument may overlap the result
/// except where element i of the result depends on element i of the argument alone (then they may be the same address).
/// `'T` is float32 or float64.
[<AbstractClass>]
type KernelSet<'T when 'T: unmanaged>() =
    /// For example "float32 x 16 (Vector512)".
    abstract Name: string
    /// Elements in a vector: 16, 8, 4 or 1 for float32.
    abstract Lanes: int
    /// y[i] = f(x[i]).
    abstract Unary: operation: UnaryOperation * x: nativeint * y: nativeint * count: int -> unit

    /// y[i] = f(a[i], b[i]); an argument marked scalar is one element used for every i.
    abstract Binary:
        operation: BinaryOperation *
        a: nativeint *
        aScalar: bool *
        b: nativeint *
        bScalar: bool *
        y: nativeint *
        count: int ->
            unit

    /// y[i] = f(a[i], b[i], c[i]); an argument marked scalar is one element used for every i.
    abstract Ternary:
        operation: TernaryOperation *
        a: nativeint *
        aScalar: bool *
        b: nativeint *
        bScalar: bool *
        c: nativeint *
        cScalar: bool *
        y: nativeint *
        count: int ->
            unit

    /// y[i] = f(a[i], b[i], c[i], d[i]); an argument marked scalar is one element used for every i.
    abstract Quaternary:
        operation: QuaternaryOperation *
        a: nativeint *
        aScalar: bool *
        b: nativeint *
        bScalar: bool *
        c: nativeint *
        cScalar: bool *
        d: nativeint *
        dScalar: bool *
        y: nativeint *
        count: int ->
            unit

    /// m ← β₁m + w₁g, or 0 where it is tiny, v ← β₂v + w₂s, θ ← θ + r · m / (√v + ε), with the bits of SumOfProducts,
    /// FlushToZero, SumOfProducts (or SumWithSquare), DivideByRoot and MultiplyAdd one after the other.
    abstract MoveMoments: step: inref<MomentStep> -> unit

    /// y[i] = value.
    abstract Fill: value: 'T * y: nativeint * count: int -> unit
    /// y[i] = x[i].
    abstract Copy: x: nativeint * y: nativeint * count: int -> unit

    /// Copies an n-dimensional box between two strided layouts (strides may be 0 in x: broadcasting); rank 0 to 8.
    abstract CopyStrided: x: nativeint * xStrides: int[] * y: nativeint * yStrides: int[] * shape: int[] -> unit

    /// x [outer, length, inner] to y [outer, inner].
    abstract Reduce:
        operation: ReduceOperation * x: nativeint * y: nativeint * outer: int * length: int * inner: int -> unit

    /// y = Σᵢ x[i]², with the bits of the squares' sum by `Reduce`.
    abstract SumOfSquares: x: nativeint * y: nativeint * count: int -> unit

    /// The first index of the largest element along `length`, as a number: x [outer, length, inner] to y [outer,
    /// inner].
    abstract ArgMax: x: nativeint * y: nativeint * outer: int * length: int * inner: int -> unit

    /// y[o, j, i] = x[o, index[o, j, i], i] with x [outer, length, inner], index and y [outer, count, inner].
    /// An index outside 0 … length − 1 gives NaN.
    abstract Gather:
        x: nativeint * index: nativeint * y: nativeint * outer: int * length: int * count: int * inner: int -> unit

    /// y = 0, then y[o, index[o, j, i], i] += x[o, j, i] with x, index [outer, count, inner], y [outer, length, inner].
    /// An index outside 0 … length − 1 is left out.
    abstract ScatterAdd:
        x: nativeint * index: nativeint * y: nativeint * outer: int * length: int * count: int * inner: int -> unit

    /// The number of elements of scratch memory that `MatMul` needs for this shape.
    abstract MatMulScratch: shape: MatMulShape -> int

    /// C = A·B + bias, where bias [n] is added to every row (0n: none). Each row of C is the same whatever m is.
    abstract MatMul:
        shape: MatMulShape * a: nativeint * b: nativeint * c: nativeint * bias: nativeint * scratch: nativeint -> unit

    /// The number of elements of scratch memory that the three convolutions need for this geometry.
    abstract ConvolveScratch: shape: ConvolutionShape -> int

    /// y = x ⋆ weight + bias, the number of each output channel (0n: no bias). `goesOn` if scratch is as a call with
    /// the same weight, and images of the same shape, left it.
    abstract Convolve:
        shape: ConvolutionShape *
        x: nativeint *
        weight: nativeint *
        y: nativeint *
        bias: nativeint *
        scratch: nativeint *
        goesOn: bool ->
            unit

    /// The adjoint of `Convolve` in x.
    abstract ConvolveInputGradient:
        shape: ConvolutionShape * dy: nativeint * weight: nativeint * dx: nativeint * scratch: nativeint -> unit

    /// The adjoint of `Convolve` in weight.
    abstract ConvolveWeightGradient:
        shape: ConvolutionShape * x: nativeint * dy: nativeint * dweight: nativeint * scratch: nativeint -> unit

    /// Generalised advantages of a rollout, or its V-trace errors where it has ratios; the same bits at every width.
    abstract Scan: scan: RolloutScan<'T> -> unit
