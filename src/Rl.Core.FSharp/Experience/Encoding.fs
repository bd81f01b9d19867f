/// What a network sees of an environment's observations: integers one-hot, then normalised if there are statistics.
namespace Rl.Core.Experience

open System
open Rl.Core.Foundations
open Rl.Core.Environments

[<RequireQualifiedAccess>]
module Encoding =

    /// Normalised observations are clipped to ± this.
    [<Literal>]
    let Limit = 10.0f

    /// The number of inputs of a network for observations of a space.
    let size (space: Space) = Space.encodedSize space

    /// Whether observations are inputs as they are.
    let isIdentity (space: Space) =
        Space.layout space
        |> List.forall (fun part ->
            match part.Space with
            | Space.Discrete _
            | Space.MultiDiscrete _ -> false
            | _ -> true)

    /// The space of a policy's own numbers for actions of a space: its integers count from 0.
    let rec ofPolicy (actions: Space) : Space =
        match actions with
        | Space.Discrete(count, _) -> Space.Discrete(count, 0)
        | Space.MultiDiscrete(counts, starts) -> Space.MultiDiscrete(counts, Array.zeroCreate starts.Length)
        | Space.Tuple parts -> Space.Tuple(List.map ofPolicy parts)
        | Space.Dict parts -> Space.Dict(parts |> List.map (fun (name, part) -> name, ofPolicy part))
        | Space.Box _
        | Space.MultiBinary _ -> actions

    /// Observations [rows, space.Size] to [rows, size space].
    let encode (space: Space) (identity: bool) (observations: ReadOnlySpan<float32>) (encoded: Span<float32>) : unit =
        if identity then
            observations.CopyTo encoded
        else
            let from, into = space.Size, size space

            for row in 0 .. observations.Length / from - 1 do
                Space.encode space (observations.Slice(row * from, from)) (encoded.Slice(row * into, into))

    /// Encoded observations normalised by statistics, if there are any, and clipped.
    let normalise
        (statistics: RunningStatistics)
        limit
        (encoded: ReadOnlySpan<float32>)
        (destination: Span<float32>)
        : unit =
        if statistics.Size > 0 then
            RunningStatistics.normalise statistics limit encoded destination
        else
            encoded.CopyTo destination
