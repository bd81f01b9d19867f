/// Population-based training: which members of a population copy which others, and how the options of those that copy
/// change.
namespace Rl.Core.Training

open System
open Rl.Core.Foundations
open Rl.Core.Learning

/// A number among the options of a population's members, and where it may lie.
[<Struct>]
type ExploredNumber =
    {
        Low: float
        High: float
        /// Whether 1 − x is multiplied in the place of x: discounts differ by how far they are from 1.
        OfComplement: bool
        /// Whether it is whole.
        IsWhole: bool
    }

/// Population-based training (Jaderberg et al., "Population based training of neural networks", 2017): agents train
/// side by side; from time to time the worst of them copy the best, with all that their training depends on (exploit),
/// and go on with options that are a little different (explore). All of it follows from scores and a key.
[<RequireQualifiedAccess>]
module PopulationBased =

    /// The share of members that copy, and of those that are copied, in the paper's experiments (section 4.1.1).
    [<Literal>]
    let UsualFraction = 0.2

    /// How often an option is drawn anew in the place of being perturbed.
    [<Literal>]
    let UsualResampling = 0.25

    /// What a number is multiplied by when it grows, and when it shrinks (the paper's section 4.1.1).
    [<Literal>]
    let Growth = 1.2

    [<Literal>]
    let Shrinkage = 0.8

    /// How many of `members` are the best, and how many the worst: a fraction of them rounded down, at least one, and
    /// at most half. `fraction` in (0, 0.5]; `members` at least 2.
    let truncated (fraction: float) (members: int) : int =
        Guard.inRange (nameof fraction) 0.0 0.5 fraction
        Guard.positiveNumber (nameof fraction) fraction

        if members < 2 then
            Guard.fail (nameof members) $"A population has {members} members; it needs at least 2, to copy each other."

        // A fraction such as 0.29 of 100 is a little less than 29 in binary.
        max 1 (int (floor (fraction * float members + 1e-9)))

    /// The members from the best to the worst: by their scores, of equal ones the earlier first. Those whose score is
    /// not finite have failed and come last.
    let ranked (scores: float[]) : int[] =
        Guard.notNull (nameof scores) scores
        let key index = if Double.IsFinite scores[index] then scores[index] else Double.NegativeInfinity

        Array.init scores.Length id
        |> Array.sortWith (fun one other ->
            match compare (key other) (key one) with
            | 0 -> compare one other
            | order -> order)

    /// Truncation selection: for each member whom it copies, itself where it stays as it is. Those among the worst
    /// `fraction`, and those that have failed, copy one of the best `fraction`, each as probable as the others, of
    /// those whose score is greater; nobody copies a member that failed. Gives the key that follows.
    let exploit (fraction: float) (scores: float[]) (rng: Rng) : struct (int[] * Rng) =
        Guard.notNull (nameof scores) scores
        let count = truncated fraction scores.Length
        let order = ranked scores
        let best = order[.. count - 1] |> Array.filter (fun index -> Double.IsFinite scores[index])
        let isAmongWorst = Array.zeroCreate<bool> scores.Length

        for index in order[scores.Length - count ..] do
            isAmongWorst[index] <- true

        // A stream for each member: whom one copies does not depend on how many others do.
        let struct (streams, next) = Rng.splitMany scores.Length rng

        let source index =
            let hasFailed = not (Double.IsFinite scores[index])

            if not (hasFailed || isAmongWorst[index]) then
                index
            else
                match best |> Array.filter (fun other -> hasFailed || scores[other] > scores[index]) with
                | [||] -> index
                | better ->
                    let struct (chosen, _) = Rng.below better.Length streams[index]
                    better[chosen]

        struct (Array.init scores.Length source, next)

    /// A number multiplied by 0.8 or 1.2, each with probability ½, and brought back into its range; whole numbers are
    /// rounded, and those that would stay where they are move by 1. Gives the key that follows.
    let perturb (number: ExploredNumber) (value: float) (rng: Rng) : struct (float * Rng) =
        if not (number.Low <= number.High) then
            Guard.fail (nameof number) $"The range goes from {number.Low} to {number.High}; Low must not be above High."

        Guard.finite (nameof value) value
        let struct (grows, next) = Rng.bernoulli 0.5 rng
        let factor = if grows then Growth else Shrinkage
        let moved = if number.OfComplement then 1.0 - factor * (1.0 - value) else factor * value

        let moved =
            if not number.IsWhole then moved
            elif Math.Round moved <> Math.Round value then Math.Round moved
            elif grows then Math.Round value + 1.0
            else Math.Round value - 1.0

        struct (Math.Clamp(moved, number.Low, number.High), next)

    /// What a member goes on from that copies another: its training state with random streams of the member's own, so
    /// that the two do not see the same from then on where their options are equal. `index` is the member's number.
    let branch (index: int) (state: TrainingState) : TrainingState =
        Guard.notNegative (nameof index) index

        let apart (rng: Rng) =
            let struct (streams, _) = Rng.splitMany (index + 1) rng
            streams[index]

        { state with Key = apart state.Key; ActionKeys = Array.map apart state.ActionKeys }
