/// From a policy's units to an environment's: one affine map, a centre and a half-range for each number of an action.
namespace Rl.Core.Acting

open System
open Rl.Core.Foundations

/// a = centre + halfRange · x, number by number, for a policy's action x. Whatever a policy learns (log π, entropy, KL
/// divergences) is in the units of x. The density of a is that of x times ∏ 1 / halfRange, a constant: it drops out of
/// ratios and gradients, and divergences are the same in both units. A number with the centre 0 and the half-range 1
/// keeps its bits.
type ActionMap =
    {
        /// Empty for the identity, else one a number of the action.
        Centres: float[]
        /// As many as centres; finite and greater than 0.
        HalfRanges: float[]
    }

/// Building and applying maps.
[<RequireQualifiedAccess>]
module ActionMap =

    /// Actions are the policy's.
    let identity: ActionMap = { Centres = [||]; HalfRanges = [||] }

    /// Bounds from this size on stand for none: their halves are no units to act in.
    [<Literal>]
    let Boundless = 1e30

    /// The units of one number: the centre and the half-range of its bounds; 0 and 1 where a bound is missing, and
    /// where they leave no choice.
    let unitOf (low: float) (high: float) : struct (float * float) =
        if abs low < Boundless && abs high < Boundless && low < high then
            let half = (high - low) / 2.0
            struct (low + half, half)
        else
            struct (0.0, 1.0)

    /// The map of the units of all numbers, in order; the identity if all are 0 and 1.
    let ofUnits (units: struct (float * float)[]) : ActionMap =
        if units |> Array.forall (fun (struct (centre, halfRange)) -> centre = 0.0 && halfRange = 1.0) then
            identity
        else
            {
                Centres = units |> Array.map (fun (struct (centre, _)) -> centre)
                HalfRanges = units |> Array.map (fun (struct (_, halfRange)) -> halfRange)
            }

    /// Writes the environment's numbers for a policy's; both may be the same memory.
    let apply (map: ActionMap) (policyAction: ReadOnlySpan<float32>) (action: Span<float32>) : unit =
        policyAction.CopyTo action
        let centres, halfRanges = map.Centres, map.HalfRanges

        if centres.Length > 0 then
            Guard.length (nameof action) centres.Length action.Length

            for i in 0 .. action.Length - 1 do
                if centres[i] <> 0.0 || halfRanges[i] <> 1.0 then
                    action[i] <- float32 (centres[i] + halfRanges[i] * float action[i])

    /// Writes a policy's numbers for the environment's: the inverse of `apply`, up to rounding. Both may be the same
    /// memory.
    let invert (map: ActionMap) (action: ReadOnlySpan<float32>) (policyAction: Span<float32>) : unit =
        action.CopyTo policyAction
        let centres, halfRanges = map.Centres, map.HalfRanges

        if centres.Length > 0 then
            Guard.length (nameof policyAction) centres.Length policyAction.Length

            for i in 0 .. policyAction.Length - 1 do
                if centres[i] <> 0.0 || halfRanges[i] <> 1.0 then
                    policyAction[i] <- float32 ((float policyAction[i] - centres[i]) / halfRanges[i])
