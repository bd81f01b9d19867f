/// Averages that move on and the parameters that they move, in one pass over memory: the whole of Adam's arithmetic.
namespace Rl.Core.Kernels

#nowarn "9"
#nowarn "3535"
#nowarn "3536"

open System.Runtime.Intrinsics.X86

/// See `KernelSet.MoveMoments`. The operations of the five loops that it stands for, in their order, so that the bits
/// are theirs.
[<AbstractClass; Sealed>]
type internal MomentKernel<'L, 'V, 'T when 'T: unmanaged and 'L :> ILanes<'V, 'T>> =

    /// Bytes ahead of what is computed that memory is asked for.
    static member inline private Ahead = 1024n

    static member inline private Each
        (
            step: inref<MomentStep>,
            [<InlineIfLambda>] load: nativeint -> int -> 'V,
            [<InlineIfLambda>] store: nativeint -> int -> 'V -> unit,
            start: int,
            finish: int
        ) =
        let decay1, weight1 = 'L.Read(step.FirstDecay, 0), 'L.Read(step.FirstWeight, 0)
        let decay2, weight2 = 'L.Read(step.SecondDecay, 0), 'L.Read(step.SecondWeight, 0)
        let epsilon, rate = 'L.Read(step.Epsilon, 0), 'L.Read(step.Rate, 0)
        // Addresses in registers: a store through one of them could otherwise have changed the others.
        let first, gradient, newFirst = step.First, step.Gradient, step.NewFirst
        let second, square, newSecond = step.Second, step.Square, step.NewSecond
        let parameters, newParameters = step.Parameters, step.NewParameters
        let isSquared = step.IsSquared
        let mutable i = start

        while i < finish do
            // Four streams at once are more than the processor sees coming where they lie beyond its second cache.
            if Sse.IsSupported then
                Sse.Prefetch0((Memory.at<'T> first i + MomentKernel<'L, 'V, 'T>.Ahead).ToPointer())
                Sse.Prefetch0((Memory.at<'T> gradient i + MomentKernel<'L, 'V, 'T>.Ahead).ToPointer())
                Sse.Prefetch0((Memory.at<'T> second i + MomentKernel<'L, 'V, 'T>.Ahead).ToPointer())
                Sse.Prefetch0((Memory.at<'T> parameters i + MomentKernel<'L, 'V, 'T>.Ahead).ToPointer())

            let m = 'L.Fma(decay1, load first i, 'L.Multiply(weight1, load gradient i))
            let m = Transcendental<'L, 'V, 'T>.FlushToZero m
            let x = load square i
            let x = if isSquared then x else 'L.Multiply(x, x)
            let v = 'L.Fma(decay2, load second i, 'L.Multiply(weight2, x))
            store newFirst i m
            store newSecond i v
            let direction = 'L.Divide(m, 'L.Add('L.Sqrt v, epsilon))
            store newParameters i ('L.Fma(rate, direction, load parameters i))
            i <- i + 'L.Count

    static member Run(step: inref<MomentStep>) : unit =
        let whole = step.Count / 'L.Count * 'L.Count

        MomentKernel<'L, 'V, 'T>
            .Each(&step, (fun x i -> 'L.Load(x, i)), (fun y i value -> 'L.Store(y, i, value)), 0, whole)

        if whole < step.Count then
            let mask = 'L.Mask(step.Count - whole)

            MomentKernel<'L, 'V, 'T>
                .Each(
                    &step,
                    (fun x i -> 'L.LoadMasked(x, i, mask)),
                    (fun y i value -> 'L.StoreMasked(y, i, value, mask)),
                    whole,
                    step.Count
                )
