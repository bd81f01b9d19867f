/// Drawing from several memories as from one: which of them a draw belongs to, and where in it.
namespace Rl.Core.Experience

open System
open Rl.Core.Foundations

/// Memories that hold parts of what is remembered, each with the sum of its priorities pᵢ^α, its mass; where all rows
/// are drawn alike a mass is a number of rows. A point that is drawn uniformly from [0, Σ masses) is a memory and a
/// point of its mass, so that row i of all comes with the probability pᵢ^α / Σ p^α, as of one memory (Horgan et al.
/// 2018, section 3, whose memory is one; Schaul et al. 2016, equation 1).
[<RequireQualifiedAccess>]
module internal SeveralMemories =

    /// Σ masses, added in their order.
    let total (masses: float[]) : float =
        let mutable sum = 0.0

        for mass in masses do
            sum <- sum + mass

        sum

    /// The memory that a point belongs to, of those whose mass is not 0, and the point of its mass, below it whatever
    /// the rounding of the sums: struct (memory, point). Not all masses may be 0.
    let find (masses: float[]) (point: float) : struct (int * float) =
        let mutable rest, memory = point, -1
        let mutable index = 0

        while index < masses.Length do
            if masses[index] > 0.0 then
                // The last one that is not 0 takes what rounding leaves.
                if memory >= 0 then rest <- rest - masses[memory]
                memory <- index
                if rest < masses[index] then index <- masses.Length

            index <- index + 1

        if memory < 0 then
            Guard.fail (nameof masses) "All masses are 0: nothing can be drawn."

        struct (memory, Math.Clamp(rest, 0.0, Math.BitDecrement masses[memory]))

    /// Points of Σ masses for batches of `size` draws, of as many uniform numbers in [0, 1): draw b of a batch comes
    /// from the b-th of `size` equal parts where draws are stratified, else from anywhere.
    let points (isStratified: bool) (size: int) (total: float) (uniforms: float[]) : float[] =
        Guard.positive (nameof size) size

        uniforms
        |> Array.mapi (fun index uniform ->
            let point =
                if isStratified then
                    (float (index % size) + uniform) * (total / float size)
                else
                    uniform * total

            min point (Math.BitDecrement total))
