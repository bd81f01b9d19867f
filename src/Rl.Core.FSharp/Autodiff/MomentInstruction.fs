/// An optimiser's update as one instruction: five element-wise operations that read and write more memory than they
/// compute.
namespace Rl.Core.Autodiff

open System.Collections.Generic
open Rl.Core.Kernels

/// m ← β₁m + w₁g, or 0 where it is tiny, v ← β₂v + w₂g², θ ← θ + r · m / (√v + ε), in one pass.
[<Sealed>]
type internal MomentInstruction<'T when 'T: unmanaged>
    (name: string, kernels: KernelSet<'T>, step: MomentStep, flops: int64, elements: int64) =
    inherit Instruction(name, flops, elements)
    let step = step

    /// Does it for the elements first … last − 1.
    member _.RunRange(first: int, last: int) =
        let shift = nativeint (first * sizeof<'T>)

        let part =
            { step with
                First = step.First + shift
                Gradient = step.Gradient + shift
                NewFirst = step.NewFirst + shift
                Second = step.Second + shift
                Square = step.Square + shift
                NewSecond = step.NewSecond + shift
                Parameters = step.Parameters + shift
                NewParameters = step.NewParameters + shift
                Count = last - first
            }

        kernels.MoveMoments &part

    override _.Run() = kernels.MoveMoments &step

/// The same with element-wise operations before and after it, such as a sum of gradients and a target network that
/// follows, block by block in cache.
[<Sealed>]
type internal MomentsBetweenInstruction<'T when 'T: unmanaged>
    (
        name: string,
        before: ElementwiseInstruction<'T> voption,
        moments: MomentInstruction<'T>,
        after: ElementwiseInstruction<'T> voption,
        count: int,
        block: int,
        flops: int64,
        elements: int64
    ) =
    inherit Instruction(name, flops, elements)

    override _.Run() =
        let mutable first = 0

        while first < count do
            let last = min count (first + block)
            ValueOption.iter (fun (part: ElementwiseInstruction<'T>) -> part.RunRange(first, last)) before
            moments.RunRange(first, last)
            ValueOption.iter (fun (part: ElementwiseInstruction<'T>) -> part.RunRange(first, last)) after
            first <- last

/// Finding it.
[<RequireQualifiedAccess>]
module internal MomentInstruction =

    /// A product of a number and an element of memory.
    let private scaled (a: Operand) (b: Operand) : struct (nativeint * nativeint) voption =
        if a.Scalar && b.Advance > 0 then ValueSome(struct (a.Address, b.Address))
        elif b.Scalar && a.Advance > 0 then ValueSome(struct (b.Address, a.Address))
        else ValueNone

    /// The operations of a step.
    [<Literal>]
    let private Length = 5

    /// The step that a fused loop takes, if it is one: its five operations in this order, of which the first's result
    /// and the fourth's go nowhere else and the others' all to memory (a register has room for a block alone), and of
    /// which the second average does not read the first.
    let private tryFind (operations: MicroOperation[]) (destinations: Operand[]) (count: int) : MomentStep voption =
        let is (operand: Operand) index = not operand.Scalar && operand.Address = destinations[index].Address
        let isKept index = destinations[index].Advance > 0

        match operations with
        | [| OnFour(QuaternaryOperation.SumOfProducts, a, b, c, d)
             OnOne(UnaryOperation.FlushToZero, flushed)
             OnFour((QuaternaryOperation.SumOfProducts | QuaternaryOperation.SumWithSquare) as second, e, f, g, h)
             OnThree(TernaryOperation.DivideByRoot, x, y, epsilon)
             OnThree(TernaryOperation.MultiplyAdd, p, q, r) |] when
            is flushed 0
            && is x 1
            && is y 2
            && epsilon.Scalar
            && not (isKept 0)
            && isKept 1
            && isKept 2
            && not (isKept 3)
            && isKept 4
            && not (is e 1 || is f 1 || is g 1 || is h 1)
            && (is p 3 || is q 3)
            && r.Advance > 0
            ->
            let rate = if is p 3 then q else p
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
                        NewFirst = destinations[1].Address
                        SecondDecay = secondDecay
                        Second = moment
                        SecondWeight = secondWeight
                        Square = square
                        IsSquared = squared
                        NewSecond = destinations[2].Address
                        Epsilon = epsilon.Address
                        Rate = rate.Address
                        Parameters = r.Address
                        NewParameters = destinations[4].Address
                        Count = count
                    }
            | _ -> ValueNone
        | _ -> ValueNone

    let private operands operation =
        match operation with
        | OnOne(_, x) -> [ x ]
        | OnTwo(_, a, b) -> [ a; b ]
        | OnThree(_, a, b, c) -> [ a; b; c ]
        | OnFour(_, a, b, c, d) -> [ a; b; c; d ]
        | Expand _ -> []

    /// Whether a loop can be cut in two before each of its operations, and after all: what follows reads no register
    /// that was filled before.
    let private cuts (operations: MicroOperation[]) (destinations: Operand[]) : bool[] =
        let isRegister (operand: Operand) = operand.Advance = 0 && not operand.Scalar
        let canCut = Array.create (operations.Length + 1) true
        let lastFilled = Dictionary<nativeint, int>()

        for index in 0 .. operations.Length - 1 do
            for read in operands operations[index] |> List.filter isRegister do
                let filled =
                    match lastFilled.TryGetValue read.Address with
                    | true, filled -> filled
                    | _ -> -1

                Array.fill canCut (filled + 1) (index - filled) false

            if isRegister destinations[index] then
                lastFilled[destinations[index].Address] <- index

        canCut

    /// Where in a loop, which may be longer, such a step is: struct (its first operation, the first after it, the
    /// step).
    let tryFindWithin (operations: MicroOperation[]) (destinations: Operand[]) (count: int) =
        let canCut = cuts operations destinations

        seq { 0 .. operations.Length - Length }
        |> Seq.tryPick (fun first ->
            let next = first + Length

            if canCut[first] && canCut[next] then
                match tryFind operations[first .. next - 1] destinations[first .. next - 1] count with
                | ValueSome step -> Some(struct (first, next, step))
                | ValueNone -> None
            else
                None)
