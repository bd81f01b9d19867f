/// Candidates of a search: vectors of a policy's parameters that follow from a few numbers, in whichever process.
namespace Rl.Core.Algorithms

open System
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks

/// How candidates lie around a policy θ, along directions d of standard normal numbers.
[<RequireQualifiedAccess>]
type internal CandidateSpread =
    /// Two a direction: θ + σ d, then θ − σ d.
    | Mirrored of deviation: float
    /// One a direction: θ + s ∘ d, with a deviation for each parameter.
    | Around of deviations: float32[]

/// All that candidates follow from.
type internal CandidateSeeds =
    {
        /// θ: the parameters that are searched.
        Policy: float32[]
        Spread: CandidateSpread
        /// How many directions.
        Directions: int
        /// Direction i is drawn from the i-th of the streams that it is split into.
        Key: Rng
        /// Where directions are 0, and candidates do not differ.
        Frozen: FrozenBlock list
    }

/// Candidates to be judged, by number.
type internal ICandidates =
    abstract Count: int
    /// Writes the parameters of a candidate. May be called by several threads at once.
    abstract Write: index: int * into: Span<float32> -> unit

/// From seeds to directions and candidates.
[<RequireQualifiedAccess>]
module internal Candidates =

    /// The seeds of a state's next candidates, around the policy of its θ.
    let seeds (part: Part) (state: TrainingState) (directions: int) (spread: CandidateSpread) : CandidateSeeds =
        {
            Policy = (Part.elements part state.Parameters).ToArray()
            Spread = spread
            Directions = directions
            Key = state.Key
            Frozen = state.Frozen
        }

    /// How many candidates there are.
    let count (seeds: CandidateSeeds) : int =
        match seeds.Spread with
        | CandidateSpread.Mirrored _ -> 2 * seeds.Directions
        | CandidateSpread.Around _ -> seeds.Directions

    /// The number of the direction that a candidate lies along.
    let private directionOf (seeds: CandidateSeeds) (index: int) : int =
        match seeds.Spread with
        | CandidateSpread.Mirrored _ -> index / 2
        | CandidateSpread.Around _ -> index

    let private draw (part: Part) (frozen: FrozenBlock list) (key: Rng) (direction: Span<float32>) : unit =
        let mutable rng = key

        for i in 0 .. direction.Length - 1 do
            let struct (value, next) = Rng.normal rng
            rng <- next
            direction[i] <- float32 value

        if not frozen.IsEmpty then
            let zeros = Array.zeroCreate<float32> direction.Length
            FrozenBlocks.keep frozen part.First part.Layout (ReadOnlySpan zeros) direction

    /// Writes a candidate that lies along this direction; both may be the same memory.
    let private place
        (seeds: CandidateSeeds)
        (index: int)
        (direction: ReadOnlySpan<float32>)
        (into: Span<float32>)
        : unit =
        let policy = seeds.Policy

        match seeds.Spread with
        | CandidateSpread.Mirrored deviation ->
            let sign = if index % 2 = 0 then 1.0f else -1.0f
            let scale = sign * float32 deviation

            for i in 0 .. policy.Length - 1 do
                into[i] <- policy[i] + scale * direction[i]
        | CandidateSpread.Around deviations ->
            for i in 0 .. policy.Length - 1 do
                into[i] <- policy[i] + deviations[i] * direction[i]

    /// The directions of standard normal numbers [directions, n], 0 where θ is frozen: struct (directions, the
    /// generator that follows).
    let directions (workers: Workers) (part: Part) (seeds: CandidateSeeds) : struct (float32[][] * Rng) =
        let struct (keys, key) = Rng.splitMany seeds.Directions seeds.Key
        let directions = Array.init seeds.Directions (fun _ -> Array.zeroCreate<float32> seeds.Policy.Length)
        workers.Run(seeds.Directions, fun index -> draw part seeds.Frozen keys[index] (Span(directions[index])))
        struct (directions, key)

    /// The candidates along directions that have been drawn.
    let along (seeds: CandidateSeeds) (directions: float32[][]) : ICandidates =
        { new ICandidates with
            member _.Count = count seeds

            member _.Write(index, into) = place seeds index (ReadOnlySpan(directions[directionOf seeds index])) into
        }

    /// The same candidates, each drawn when it is asked for.
    let drawn (part: Part) (seeds: CandidateSeeds) : ICandidates =
        let struct (keys, _) = Rng.splitMany seeds.Directions seeds.Key

        { new ICandidates with
            member _.Count = count seeds

            member _.Write(index, into) =
                draw part seeds.Frozen keys[directionOf seeds index] into
                place seeds index (Span.op_Implicit into) into
        }

    /// A candidate's parameters.
    let vector (candidates: ICandidates) (length: int) (index: int) : float32[] =
        let vector = Array.zeroCreate<float32> length
        candidates.Write(index, Span vector)
        vector
