/// Which candidates some copies play, as bytes: what workers draw them from.
namespace Rl.Core.Distributed

open System
open Rl.Core.Algorithms
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Training

/// Which candidates some copies play.
type internal ShareCandidates =
    {
        /// N: copy i plays the candidates of the numbers i, i + N, i + 2 N, ….
        Copies: int
        Directions: int
        /// What directions are drawn from.
        Key: Rng
        Spread: CandidateSpread
        Frozen: FrozenBlock list
    }

[<RequireQualifiedAccess>]
module internal ShareCandidates =

    /// What is asked of the copies of one of N, of all seeds.
    let ofSeeds (copies: int) (seeds: CandidateSeeds) : ShareCandidates =
        {
            Copies = copies
            Directions = seeds.Directions
            Key = seeds.Key
            Spread = seeds.Spread
            Frozen = seeds.Frozen
        }

    /// The seeds again, around the policy of a state.
    let seeds (part: Part) (state: TrainingState) (asked: ShareCandidates) : CandidateSeeds =
        {
            Policy = (Part.elements part state.Parameters).ToArray()
            Spread = asked.Spread
            Directions = asked.Directions
            Key = asked.Key
            Frozen = asked.Frozen
        }

    let write (candidates: ShareCandidates) (output: BinaryOut) : unit =
        output.Int candidates.Copies
        output.Int candidates.Directions
        output.Word candidates.Key.State
        output.Word candidates.Key.Gamma

        match candidates.Spread with
        | CandidateSpread.Mirrored deviation ->
            output.Byte 0
            output.Float deviation
        | CandidateSpread.Around deviations ->
            output.Byte 1
            output.Singles deviations

        output.Int candidates.Frozen.Length

        for block in candidates.Frozen do
            output.Text block.Name
            output.Int block.First
            output.Int block.Count

    /// Those of `number` copies from `first` on.
    let read (first: int) (number: int) (input: BinaryIn) : ShareCandidates =
        let copies = input.Int()
        let directions = input.Int()
        let state = input.Word()
        let key = Rng(state, input.Word())

        if number > copies - first || directions < 1 || directions > Int32.MaxValue / 2 then
            input.Fail $"it asks for {directions} directions in {number} copies from {first} on of {copies}"

        let spread =
            match input.Byte() with
            | 0 -> CandidateSpread.Mirrored(input.Float())
            | 1 -> CandidateSpread.Around(input.Singles())
            | kind -> input.Fail $"its candidates are spread in the unknown way {kind}"

        let frozen = input.Int()

        if frozen < 0 || frozen > input.Remaining then
            input.Fail $"it announces {frozen} frozen blocks"

        {
            Copies = copies
            Directions = directions
            Key = key
            Spread = spread
            Frozen =
                List.init frozen (fun _ ->
                    let name = input.Text()
                    let first = input.Int()
                    let block: FrozenBlock = { Name = name; First = first; Count = input.Int() }
                    block)
        }
