/// Powers of several numbers at once.
namespace Rl.Core.Experience

open System
open System.Runtime.InteropServices
open System.Runtime.Intrinsics
open Rl.Core.Foundations

/// x^a as exp(a ln x), eight at a time.
[<RequireQualifiedAccess>]
module internal Powers =

    [<Literal>]
    let private Lanes = 8

    let private raiseLanes (values: Span<float>) (exponent: float) =
        let mutable first = &MemoryMarshal.GetReference values
        let power = Vector512.Exp(Vector512.Log(Vector512.LoadUnsafe(&first)) * exponent)
        power.StoreUnsafe(&first)

    /// Puts xᵢ^a in the place of each xᵢ ≥ 0, to about |a ln xᵢ| units in the last place. What a number becomes does
    /// not depend on the others.
    let raise (values: Span<float>) (exponent: float) : unit =
        if exponent = 0.0 then
            values.Fill 1.0
        elif exponent <> 1.0 then
            let whole = values.Length - values.Length % Lanes
            let mutable first = 0

            while first < whole do
                raiseLanes (values.Slice(first, Lanes)) exponent
                first <- first + Lanes

            if whole < values.Length then
                let rest = values.Slice whole
                let lanes = Scratch.span<float> Lanes
                lanes.Fill 1.0
                rest.CopyTo lanes
                raiseLanes lanes exponent
                lanes.Slice(0, rest.Length).CopyTo rest
