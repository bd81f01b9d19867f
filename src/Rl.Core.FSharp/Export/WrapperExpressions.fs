/// Wrappers of observations and actions as expressions of rows, with their statistics frozen.
namespace Rl.Core.Export

open System
open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Training
open Rl.Core.Wrappers

[<RequireQualifiedAccess>]
module internal WrapperExpressions =

    let private refuse (wrapper: Wrapper) (why: string) : 'T =
        raise (
            NotSupportedException
                $"The agent was trained within {wrapper}, {why}. Export the policy inside the wrappers \
                  (InsideWrappers, in `rl export` --inside-wrappers), and do in your program what the wrappers do."
        )

    /// low' + (x − low) · (high' − low') / (high − low).
    let private affine (low: float[]) (high: float[]) (newLow: float[]) (newHigh: float[]) (x: Expr) : Expr =
        let scale = Array.init low.Length (fun i -> (newHigh[i] - newLow[i]) / (high[i] - low[i]))
        SpaceExpressions.shiftAndScale low scale x + Expr.vector newLow

    /// The new bounds of a box, one number or one an element, for all elements.
    let private all (size: int) (values: float[]) = if values.Length = 1 then Array.create size values[0] else values

    let private box (space: Space) =
        match space with
        | Space.Box(low, high, shape) -> struct (low, high, shape)
        | space -> invalidOp $"{space} is no box."

    /// Weights of luminance, as `Images.grayscale` has them.
    let private grayscale (shape: int[]) (x: Expr) : Expr =
        let pixels = shape[1] * shape[2]
        let weights = Expr.reshape [| 3; 1 |] (Expr.vector (Seq.map float Images.weights))
        Expr.sumOver [| 1 |] (weights * Expr.reshape [| x.Shape[0]; 3; pixels |] x)

    /// The mean over areas: a matrix for each axis.
    let private resize (shape: int[]) height width (x: Expr) : Expr =
        let matrix before after =
            let cells = Array.zeroCreate<float>(before * after)

            Images.coverage before after
            |> Array.iteri (fun index parts ->
                for struct (old, part) in parts do
                    cells[old * after + index] <- float part)

            Expr.constant (Tensor.create [| before; after |] cells)

        let images = Expr.reshape [| x.Shape[0] * shape[0]; shape[1]; shape[2] |] x
        let narrow = Expr.matmul images (matrix shape[2] width) |> Expr.transpose
        let small = Expr.matmul narrow (matrix shape[1] height) |> Expr.transpose
        Expr.reshape [| x.Shape[0]; shape[0] * height * width |] small

    /// Row-major strides of cells.
    let private strides (counts: int[]) = Array.scanBack (fun count stride -> count * stride) counts 1 |> Array.skip 1

    let private discretizeObservation isMulti (low: float[]) (high: float[]) (counts: int[]) (x: Expr) : Expr =
        let scale = Array.init low.Length (fun i -> float counts[i] / (high[i] - low[i]))
        let most = counts |> Array.map (fun count -> float (count - 1))

        let cells =
            SpaceExpressions.shiftAndScale low scale x
            |> Expr.floor
            |> SpaceExpressions.clip (Array.zeroCreate low.Length) most

        if isMulti then
            cells
        else
            Expr.sumKeep [| 1 |] (cells * Expr.vector (strides counts |> Array.map float))

    /// A row's observation through a wrapper that looks at nothing else.
    let private observe (wrapper: Wrapper) (statistics: RunningStatistics option) (space: Space) (x: Expr) : Expr =
        match wrapper with
        | Wrapper.NormalizeObservation epsilon ->
            let own = statistics.Value
            let deviation i = Math.Sqrt(own.SquaredDeviation[i] / own.Count + epsilon)
            SpaceExpressions.shiftAndScale own.Mean (Array.init own.Size (fun i -> 1.0 / deviation i)) x
        | Wrapper.RescaleObservation(newLow, newHigh) ->
            let struct (low, high, _) = box space
            affine low high (all low.Length newLow) (all low.Length newHigh) x
        | Wrapper.FlattenObservation -> SpaceExpressions.encode space x
        | Wrapper.FilterObservation names ->
            let starts = space.Parts |> List.scan (fun offset (_, part) -> offset + part.Size) 0

            List.zip space.Parts (List.truncate space.Parts.Length starts)
            |> List.filter (fun ((name, _), _) -> List.contains name names)
            |> List.map (fun ((_, part), offset) -> SpaceExpressions.cut offset part.Size x)
            |> Expr.concat 1
        | Wrapper.ReshapeObservation _
        // A stack of one, a delay of none.
        | Wrapper.FrameStackObservation _
        | Wrapper.DelayObservation _ -> x
        // Whoever acts has no privileged numbers.
        | Wrapper.RandomizeDynamics ranges ->
            let added = (DynamicsRanges.observations ranges space).Size - space.Size
            Expr.concat 1 [ x; Expr.zeros [| x.Shape[0]; added |] ]
        | Wrapper.GrayscaleObservation _ ->
            let struct (_, _, shape) = box space
            grayscale shape x
        | Wrapper.ResizeObservation(height, width) ->
            let struct (_, _, shape) = box space
            resize shape height width x
        | Wrapper.DiscretizeObservation(counts, isMulti) ->
            let struct (low, high, _) = box space
            let counts = if counts.Length = 1 then Array.create low.Length counts[0] else counts
            discretizeObservation isMulti low high counts x
        | _ -> refuse wrapper "which is a function of a program"

    // --- Observations that depend on earlier ones -------------------------------------------------------------------

    /// The numbers that a wrapper remembers of an episode: zeros where it begins.
    let private memorySize (wrapper: Wrapper) (space: Space) : int =
        match wrapper with
        // The frames before the present one, and whether there are any.
        | Wrapper.FrameStackObservation(size, _) when size > 1 -> (size - 1) * space.Size + 1
        | Wrapper.DelayObservation delay -> delay * space.Size
        | Wrapper.TimeAwareObservation _ -> 1
        | _ -> 0

    /// The observation, and what is remembered for the next one.
    let private remember (wrapper: Wrapper) (limit: int) (size: int) (memory: Expr) (x: Expr) : struct (Expr * Expr) =
        match wrapper with
        | Wrapper.FrameStackObservation(count, padding) ->
            let before = (count - 1) * size
            let hasBegun = SpaceExpressions.cut before 1 memory

            let first =
                match padding with
                | FramePadding.Reset -> List.replicate (count - 1) x |> Expr.concat 1
                | FramePadding.Zero -> Expr.zeros [| x.Shape[0]; before |]
                | FramePadding.Value frame ->
                    Array.replicate (count - 1) frame |> Array.concat |> Seq.map float |> Expr.vector

            let earlier = Expr.select hasBegun (SpaceExpressions.cut 0 before memory) first
            let frames = Expr.concat 1 [ earlier; x ]
            let kept = SpaceExpressions.cut size before frames
            struct (frames, Expr.concat 1 [ kept; Expr.full [| x.Shape[0]; 1 |] 1.0 ])
        | Wrapper.DelayObservation _ ->
            let waiting = Expr.concat 1 [ memory; x ]
            let all = waiting.Shape[1]
            struct (SpaceExpressions.cut 0 size waiting, SpaceExpressions.cut size (all - size) waiting)
        | _ ->
            let isNormalised =
                match wrapper with
                | Wrapper.TimeAwareObservation(_, isNormalised) -> isNormalised
                | _ -> false

            let scale = if isNormalised then 1.0 / float limit else 1.0
            struct (Expr.concat 1 [ x; scale * memory ], memory + 1.0)

    /// The time limit above a wrapper, of that below; 0 for none.
    let private limitAbove (hasMasks: bool) (limit: int) (wrapper: Wrapper) : int =
        match wrapper with
        | Wrapper.TimeLimit steps -> if limit = 0 then steps else min limit steps
        | Wrapper.RepeatAction times
        | Wrapper.MaxAndSkipObservation times when not hasMasks -> (limit + times - 1) / times
        | _ -> limit

    /// The observations above a wrapper.
    let private spaceAbove (wrapper: Wrapper) (limit: int) (space: Space) : Space =
        match wrapper with
        | Wrapper.FrameStackObservation(size, _) -> HistorySpaces.stacked size space
        | Wrapper.DelayObservation _ -> HistorySpaces.withZero "DelayObservation" space
        | Wrapper.TimeAwareObservation(_, true) when limit = 0 ->
            refuse wrapper "which shows the time as a part of a time limit that is not known here"
        | Wrapper.TimeAwareObservation(isFlat, isNormalised) -> HistorySpaces.timed isFlat isNormalised limit space
        | Wrapper.RandomizeDynamics ranges -> DynamicsRanges.observations ranges space
        | Wrapper.NormalizeObservation _ -> Space.unbounded (if space.Shape.Length = 0 then [| 1 |] else space.Shape)
        | _ ->
            match ObservationWrappers.tryBind wrapper space with
            | Some(space, _) -> space
            | None -> space

    /// A wrapper that changes observations, those below it, the limit below it, and where its memory begins.
    type private Step = { Wrapper: Wrapper; Below: Space; Limit: int; Memory: int }

    let private steps (wrapping: Wrapping) (facts: ActingFacts) : Step list =
        let changes wrapper = Wrapper.changesStep wrapper && not (Wrapper.changesAction wrapper)

        let add (struct (space: Space, limit: int, memory: int, steps: Step list)) (wrapper: Wrapper) =
            let above = limitAbove facts.HasActionMasks limit wrapper

            if changes wrapper then
                struct (spaceAbove wrapper limit space,
                        above,
                        memory + memorySize wrapper space,
                        { Wrapper = wrapper; Below = space; Limit = limit; Memory = memory } :: steps)
            else
                struct (space, above, memory, steps)

        let struct (_, _, _, steps) =
            List.fold add (struct (wrapping.ObservationSpace, facts.MaxEpisodeSteps, 0, [])) wrapping.Wrappers

        List.rev steps

    /// The numbers that all wrappers remember.
    let memory (wrapping: Wrapping) (facts: ActingFacts) : int =
        steps wrapping facts |> List.sumBy (fun step -> memorySize step.Wrapper step.Below)

    /// The observations that wrappers show of those below them, and what they remember [rows, memory] for the next;
    /// `statistics` are those of the wrappers that learn.
    let observations
        (wrapping: Wrapping)
        (facts: ActingFacts)
        (statistics: RunningStatistics list)
        (memory: Expr)
        (x: Expr)
        : struct (Expr * Expr list) =
        let ofObservations =
            List.zip
                (wrapping.Wrappers
                 |> List.filter (fun wrapper -> wrapper.IsNormalizeObservation || wrapper.IsNormalizeReward))
                statistics
            |> List.filter (fun (wrapper, _) -> wrapper.IsNormalizeObservation)
            |> List.map snd

        let pass (struct (x: Expr, left: RunningStatistics list, kept: Expr list)) (step: Step) =
            let size = memorySize step.Wrapper step.Below

            if size > 0 then
                let own = SpaceExpressions.cut step.Memory size memory
                let struct (x, next) = remember step.Wrapper step.Limit step.Below.Size own x
                struct (x, left, next :: kept)
            else
                let own, left =
                    match left with
                    | own :: rest when step.Wrapper.IsNormalizeObservation -> Some own, rest
                    | _ -> None, left

                struct (observe step.Wrapper own step.Below x, left, kept)

        let struct (x, _, kept) = List.fold pass (struct (x, ofObservations, [])) (steps wrapping facts)
        struct (x, List.rev kept)

    // --- Actions ----------------------------------------------------------------------------------------------------

    /// The digits of integers [rows, 1], one a number of cells, the last the fastest.
    let private digits (wrapper: Wrapper) (counts: int[]) (cell: Expr) : Expr =
        if counts |> Array.fold (fun cells count -> cells * int64 count) 1L > 4_194_304L then
            refuse wrapper "whose integers are too large for float32"

        let quotients =
            strides counts
            |> Array.map (fun stride -> Expr.floor ((cell + 0.5) * Expr.number (1.0 / float stride)))

        // ⌊cell / stride⌋ less as many as the digits before it stand for.
        quotients
        |> Array.mapi (fun i quotient -> if i = 0 then quotient else quotient - float counts[i] * quotients[i - 1])
        |> Expr.concat 1

    /// An action of the outer space, with integers less their starts, as one of the inner.
    let private act (wrapper: Wrapper) (inner: Space) (x: Expr) : Expr =
        match wrapper with
        | Wrapper.ClipAction ->
            let struct (low, high, _) = box inner
            SpaceExpressions.clip low high x
        | Wrapper.RescaleAction(low, high) ->
            let struct (innerLow, innerHigh, _) = box inner
            affine (all innerLow.Length low) (all innerLow.Length high) innerLow innerHigh x
        | Wrapper.DiscretizeAction(counts, isMulti) ->
            let struct (low, high, _) = box inner
            let counts = if counts.Length = 1 then Array.create low.Length counts[0] else counts
            let cells = if isMulti then x else digits wrapper counts x
            let width = Array.init low.Length (fun i -> (high[i] - low[i]) / float counts[i])
            let middle = Array.map2 (fun low width -> low + 0.5 * width) low width
            Expr.vector middle + Expr.vector width * cells
        | _ -> refuse wrapper "which is a function of a program"

    /// The actions below wrappers of those that a policy takes above them.
    let actions (wrapping: Wrapping) (x: Expr) : Expr =
        let changing = wrapping.Wrappers |> List.filter Wrapper.changesAction

        let spaces =
            List.scan
                (fun space wrapper ->
                    match ActionWrappers.tryBind wrapper space with
                    | Some(outer, _) -> outer
                    | None -> space)
                wrapping.ActionSpace
                changing

        List.foldBack2 (fun wrapper inner x -> act wrapper inner x) changing (List.truncate changing.Length spaces) x
