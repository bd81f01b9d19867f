/// An optimiser's update as one instruction: four element-wise operations that read and write more memory than they
/// compute.
namespace Rl.Core.Autodiff

open System.Runtime.CompilerServices
open Rl.Core.Kernels

/// m ← β₁m + w₁g, v ← β₂v + w₂g², θ ← θ + r · m / (√v + ε), in one pass.
[<Sealed>]
type internal MomentInstruction<'T when 'T: unmanaged>
    (name: string, kernels: KernelSet<'T>, step: MomentStep, flops: int64, elements: int64) =
    inherit Instruction(name, flops, elements)
    let step = step
    override _.Run() = kernels.MoveMoments &step

/// Finding it.
[<RequireQualifiedAccess>]
module internal MomentInstruction =

    /// A product of a number and an element of memory.
    let private scaled (a: Operand) (b: Operand) : struct (nativeint * nativeint) voption =
        if a.Scalar && b.Advance > 0 then ValueSome(struct (a.Address, b.Address))
        elif b.Scalar && a.Advance > 0 then ValueSome(struct (b.Address, a.Address))
        else ValueNone

    /// The step that a fused loop takes, if it is one: its four operations in this order, of which the third's result
    /// goes nowhere else and the others' all to memory (a register has room for a block alone), and of which the second
    /// does not read the first's.
    let tryFind (operations: MicroOperation[]) (destinations: Operand[]) (count: int) : MomentStep voption =
        if operations.Length <> 4 then
            ValueNone
        else
            let is (operand: Operand) index = not operand.Scalar && operand.Address = destinations[index].Address

            match operations[0], operations[1], operations[2], operations[3] with
            | OnFour(QuaternaryOperation.SumOfProducts, a, b, c, d),
              OnFour((QuaternaryOperation.SumOfProducts | QuaternaryOperation.SumWithSquare) as second, e, f, g, h),
              OnThree(TernaryOperation.DivideByRoot, x, y, epsilon),
              OnThree(TernaryOperation.MultiplyAdd, p, q, r) when
                is x 0
                && is y 1
                && epsilon.Scalar
                && destinations[0].Advance > 0
                && destinations[1].Advance > 0
                && destinations[2].Advance = 0
                && destinations[3].Advance > 0
                && not (is e 0 || is f 0 || is g 0 || is h 0)
                && (is p 2 || is q 2)
                && r.Advance > 0
                ->
                let rate = if is p 2 then q else p
                let squared = second = QuaternaryOperation.SumOfProducts

                match scaled a b, scaled c d, scaled e f, (if squared || g.Scalar then scaled g h else ValueNone) with
                | ValueSome(struct (firstDecay, first)),
                  ValueSome(struct (firstWeight, gradient)),
                  ValueSome(struct (secondDecay, moment)),
                  ValueSome(struct (secondWeight, square)) when rate.Scalar ->
                    ValueSome
                        {
                            FirstDecay = firstDecay
                            First = first
                            FirstWeight = firstWeight
                            Gradient = gradient
                            NewFirst = destinations[0].Address
                            SecondDecay = secondDecay
                            Second = moment
                            SecondWeight = secondWeight
                            Square = square
                            IsSquared = squared
                            NewSecond = destinations[1].Address
                            Epsilon = epsilon.Address
                            Rate = rate.Address
                            Parameters = r.Address
                            NewParameters = destinations[3].Address
                            Count = count
                        }
                | _ -> ValueNone
            | _ -> ValueNone
