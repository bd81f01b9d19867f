/// The kernel sets of every width and precision, and the one that suits this machine.
namespace Rl.Core.Kernels

open System.Numerics
open System.Runtime.Intrinsics

#nowarn "9"
#nowarn "3535"
#nowarn "3536"

/// The contract, kept by the loops over lanes 'L of vectors 'V, with 'S the lanes of a single element.
[<Sealed>]
type internal LaneKernels<'L, 'V, 'S, 'T when 'T: unmanaged and 'L :> ILanes<'V, 'T> and 'S :> ILanes<'T, 'T>>
    (name: string) =
    inherit KernelSet<'T>()
    override _.Name = name
    override _.Lanes = 'L.Count

    override _.Unary(operation, x, y, count) = VectorUnary<'L, 'V, 'S, 'T>.Run(operation, x, y, count)

    override _.Binary(operation, a, aScalar, b, bScalar, y, count) =
        ElementwiseKernel<'L, 'V, 'S, 'T>.Run2(operation, a, aScalar, b, bScalar, y, count)

    override _.Ternary(operation, a, aScalar, b, bScalar, c, cScalar, y, count) =
        ElementwiseKernel<'L, 'V, 'S, 'T>.Run3(operation, a, aScalar, b, bScalar, c, cScalar, y, count)

    override _.Quaternary(operation, a, aScalar, b, bScalar, c, cScalar, d, dScalar, y, count) =
        QuaternaryKernel<'L, 'V, 'T>.Run(operation, a, aScalar, b, bScalar, c, cScalar, d, dScalar, y, count)

    override _.MoveMoments(step) = MomentKernel<'L, 'V, 'T>.Run(&step)
    override _.Fill(value, y, count) = ElementwiseKernel<'L, 'V, 'S, 'T>.Fill(value, y, count)
    override _.Copy(x, y, count) = CopyKernel<'L, 'V, 'S, 'T>.Contiguous(x, y, count)

    override _.CopyStrided(x, xStrides, y, yStrides, shape) =
        CopyKernel<'L, 'V, 'S, 'T>.Strided(x, xStrides, y, yStrides, shape)

    override _.Reduce(operation, x, y, outer, length, inner) =
        ReduceKernel<'L, 'V, 'S, 'T>.Run(operation, x, y, outer, length, inner)

    override _.SumOfSquares(x, y, count) = ReduceKernel<'L, 'V, 'S, 'T>.SumOfSquares(x, y, count)
    override _.ArgMax(x, y, outer, length, inner) = GatherKernel<'L, 'V, 'S, 'T>.ArgMax(x, y, outer, length, inner)

    override _.Gather(x, index, y, outer, length, count, inner) =
        GatherKernel<'L, 'V, 'S, 'T>.Gather(x, index, y, outer, length, count, inner)

    override _.ScatterAdd(x, index, y, outer, length, count, inner) =
        GatherKernel<'L, 'V, 'S, 'T>.ScatterAdd(x, index, y, outer, length, count, inner)

    override _.MatMulScratch shape = MatMulKernel<'L, 'V, 'S, 'T>.Scratch shape
    override _.MatMul(shape, a, b, c, bias, scratch) = MatMulKernel<'L, 'V, 'S, 'T>.Run(shape, a, b, c, bias, scratch)
    override _.ConvolveScratch shape = ConvolveKernel<'L, 'V, 'S, 'T>.Scratch shape

    override _.Convolve(shape, x, weight, y, bias, scratch, goesOn) =
        ConvolveKernel<'L, 'V, 'S, 'T>.Forward(shape, x, weight, y, bias, scratch, goesOn)

    override _.ConvolveInputGradient(shape, dy, weight, dx, scratch) =
        ConvolveKernel<'L, 'V, 'S, 'T>.InputGradient(shape, dy, weight, dx, scratch)

    override _.ConvolveWeightGradient(shape, x, dy, dweight, scratch) =
        ConvolveKernel<'L, 'V, 'S, 'T>.WeightGradient(shape, x, dy, dweight, scratch)

    override _.Scan(scan) = ScanKernel<'L, 'V, 'S, 'T>.Run(&scan)

/// Kernel sets: all of them run on every machine, one of them is the fastest here.
[<RequireQualifiedAccess>]
module Kernels =

    /// float32 in vectors of 512 bits.
    let single512: KernelSet<float32> =
        LaneKernels<Lanes512<float32>, Vector512<float32>, LanesScalar<float32>, float32>("float32 x 16 (Vector512)")

    /// float32 in vectors of 256 bits.
    let single256: KernelSet<float32> =
        LaneKernels<Lanes256<float32>, Vector256<float32>, LanesScalar<float32>, float32>("float32 x 8 (Vector256)")

    /// float32 in vectors of 128 bits.
    let single128: KernelSet<float32> =
        LaneKernels<Lanes128<float32>, Vector128<float32>, LanesScalar<float32>, float32>("float32 x 4 (Vector128)")

    /// float32, one at a time.
    let singleScalar: KernelSet<float32> =
        LaneKernels<LanesScalar<float32>, float32, LanesScalar<float32>, float32>("float32 x 1")

    /// float64 in vectors of 512 bits.
    let double512: KernelSet<float> =
        LaneKernels<Lanes512<float>, Vector512<float>, LanesScalar<float>, float>("float64 x 8 (Vector512)")

    /// float64 in vectors of 256 bits.
    let double256: KernelSet<float> =
        LaneKernels<Lanes256<float>, Vector256<float>, LanesScalar<float>, float>("float64 x 4 (Vector256)")

    /// float64 in vectors of 128 bits.
    let double128: KernelSet<float> =
        LaneKernels<Lanes128<float>, Vector128<float>, LanesScalar<float>, float>("float64 x 2 (Vector128)")

    /// float64, one at a time.
    let doubleScalar: KernelSet<float> =
        LaneKernels<LanesScalar<float>, float, LanesScalar<float>, float>("float64 x 1")

    /// The four widths of float32, widest first.
    let singles: KernelSet<float32> list = [ single512; single256; single128; singleScalar ]

    /// The four widths of float64, widest first.
    let doubles: KernelSet<float> list = [ double512; double256; double128; doubleScalar ]

    /// The width in bits that suits this machine: 512, 256, 128 or 0 (no vectors). The environment variable
    /// RL_VECTOR_BITS, if set to one of these, has the last word. Sums along a vector depend on it in their last bits,
    /// and so does what is trained.
    let vectorBits: int = VectorWidth.bits

    /// The fastest float32 kernels of this machine.
    let single: KernelSet<float32> =
        match vectorBits with
        | 512 -> single512
        | 256 -> single256
        | 128 -> single128
        | _ -> singleScalar

    /// The fastest float64 kernels of this machine.
    let double: KernelSet<float> =
        match vectorBits with
        | 512 -> double512
        | 256 -> double256
        | 128 -> double128
        | _ -> doubleScalar

    /// The fastest kernels of this machine at the precision 'T: float32 or float64; fails for any other type, and where
    /// RL_VECTOR_BITS is no width.
    let best<'T when 'T: unmanaged> : KernelSet<'T> =
        VectorWidth.requireValid ()

        match box single with
        | :? KernelSet<'T> as kernels -> kernels
        | _ ->
            match box double with
            | :? KernelSet<'T> as kernels -> kernels
            | _ ->
                Rl.Core.Foundations.Guard.fail
                    "'T"
                    $"There are no kernels for {typeof<'T>.Name}; use float32 or float64."
