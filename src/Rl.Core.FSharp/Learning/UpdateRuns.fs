/// What optimisers move: runs of neighbouring groups, their frozen blocks apart.
namespace Rl.Core.Learning

open Rl.Core.Autodiff
open Rl.Core.Networks
open Rl.Core.Optimisers

/// One side's part of θ, the gradient of its loss, and its terms: both summed over all samples.
type internal SideGradient = { Side: Side; Theta: Expr; Gradient: Expr; Values: (string * Expr) list }

/// Neighbouring groups of a side that one optimiser moves, and their place in the optimiser's vectors.
type internal MovedRun =
    {
        Optimiser: string
        Transform: Transform
        Groups: ParameterGroup list
        First: int
        Count: int
        /// Its numbers in order, those that are frozen apart.
        Ranges: FrozenRange list
        /// Whether it carries on what the optimiser keeps once for all its runs, such as the count of updates.
        CarriesScalars: bool
    }

    /// The ranges that move.
    member this.Moving = this.Ranges |> List.filter (fun range -> not range.IsFrozen)

[<RequireQualifiedAccess>]
module internal UpdateRuns =

    /// Neighbouring elements of a vector.
    let elements first count (x: Expr) = Expr.slice 0 first (first + count) x

    /// A group's numbers in order, those that are frozen apart; what lies beside θ never is.
    let rangesOfGroup (frozen: FrozenBlock list) (group: ParameterGroup) : FrozenRange list =
        match group.Place with
        | GroupPlace.Theta first -> FrozenBlocks.ranges frozen first group.Layout
        | GroupPlace.Array _ -> FrozenBlocks.ranges [] 0 group.Layout

    /// Groups with their places in a vector that has them one after the other.
    let private placed (groups: ParameterGroup list) =
        let starts = groups |> List.scan (fun first group -> first + group.Layout.Count) 0
        List.zip groups (List.take groups.Length starts)

    /// The weights of hidden layers among the numbers of some groups that are not frozen: kernels of convolutions with
    /// a row a channel.
    let private hiddenMatrices frozen (groups: ParameterGroup list) : MatrixPlace list =
        let moving =
            [
                for group in groups do
                    let ranges = rangesOfGroup frozen group

                    let isFrozen (block: Block) =
                        ranges
                        |> List.exists (fun range ->
                            range.IsFrozen && range.First <= block.Offset && block.Offset < range.First + range.Count)

                    for block in group.Layout.Blocks do
                        if not (isFrozen block) then block
            ]

        let starts = moving |> List.scan (fun first block -> first + block.Count) 0

        [
            for block, start in List.zip moving (List.take moving.Length starts) do
                if HiddenWeights.contains block then
                    {
                        First = start
                        Rows = block.Shape[0]
                        Columns = block.Count / block.Shape[0]
                        UnitsAreRows = block.Shape.Length > 2
                    }
        ]

    /// The numbers of some groups in order, those that are frozen apart.
    let private rangesOf frozen (groups: ParameterGroup list) : FrozenRange list =
        let all =
            [
                for group, start in placed groups do
                    for range in rangesOfGroup frozen group do
                        { range with First = start + range.First }
            ]

        let extend (range: FrozenRange) (rest: FrozenRange list) =
            match rest with
            | next :: others when next.IsFrozen = range.IsFrozen ->
                { range with Count = range.Count + next.Count } :: others
            | _ -> range :: rest

        List.foldBack extend all []

    /// The runs of each side, in the order of the optimisers' vectors.
    let ofSides frozen (sides: Side list) : MovedRun list list =
        let size (groups: ParameterGroup list) = groups |> List.sumBy (fun group -> group.Layout.Count)

        let extend (group: ParameterGroup) runs =
            match group.Motion, runs with
            | GroupMotion.Learns(name, _), (known, transform, groups) :: rest when known = name ->
                (known, transform, group :: groups) :: rest
            | GroupMotion.Learns(name, transform), _ -> (name, transform, [ group ]) :: runs
            | _ -> runs

        let place (used: Map<string, struct (int * bool)>) (name, transform, groups) =
            let struct (first, isCarried) = used.TryFind name |> Option.defaultValue (struct (0, false))
            let count = size groups

            let transform =
                match transform.ForMatrices with
                | Some make -> make (hiddenMatrices frozen groups)
                | None -> transform

            let ranges = rangesOf frozen groups
            let moves = ranges |> List.exists (fun range -> not range.IsFrozen)

            {
                Optimiser = name
                Transform = transform
                Groups = groups
                First = first
                Count = count
                Ranges = ranges
                CarriesScalars = moves && not isCarried
            },
            used.Add(name, struct (first + count, isCarried || moves))

        sides
        |> List.map (fun side -> List.foldBack extend side.Groups [])
        |> List.mapFold (List.mapFold place) Map.empty
        |> fst

    /// The new numbers of a run, and what its optimiser keeps of them, as if frozen numbers were not there; these stay.
    let private step (run: MovedRun) (direction: Scaled) (places: Expr list) (own: Expr) : struct (Expr * Expr list) =
        match run.Moving with
        | [] -> struct (own, places)
        | [ whole ] when whole.Count = run.Count -> Optimiser.updateScaled run.Transform direction places own
        | moving ->
            let join (parts: Expr list) = if parts.Length = 1 then parts.Head else Expr.concat 0 parts

            let gather (x: Expr) =
                if x.Rank = 0 then
                    x
                else
                    moving |> List.map (fun range -> elements range.First range.Count x) |> join

            let scatter (old: Expr) (moved: Expr) =
                if old.Rank = 0 then
                    moved
                else
                    run.Ranges
                    |> List.mapFold
                        (fun used range ->
                            if range.IsFrozen then
                                elements range.First range.Count old, used
                            else
                                elements used range.Count moved, used + range.Count)
                        0
                    |> fst
                    |> join

            let struct (theta, state) =
                Optimiser.updateScaled
                    run.Transform
                    { direction with Direction = gather direction.Direction }
                    (List.map gather places)
                    (gather own)

            struct (scatter own theta, List.map2 scatter places state)

    /// Carried vectors without the ranges that are frozen, of which nothing is written.
    let withoutFrozen (ranges: FrozenRange list) (target: Expr, value: Expr) : (Expr * Expr) list =
        if target.Rank = 0 || ranges |> List.forall (fun range -> not range.IsFrozen) then
            [ target, value ]
        else
            ranges
            |> List.filter (fun range -> not range.IsFrozen)
            |> List.map (fun range -> elements range.First range.Count target, elements range.First range.Count value)

    /// What a run carries on, and the new numbers of its groups. The count of updates is one for all runs of an
    /// optimiser.
    let move
        frozen
        (analysis: UpdateAnalysis)
        theta
        (gradient: SideGradient)
        bounded
        (state: Expr list)
        (run: MovedRun)
        =
        let side = gradient.Side
        let start = analysis.Start run.Groups.Head
        let own = elements (start - side.First) run.Count gradient.Theta
        let places = state |> List.map (fun x -> if x.Rank = 0 then x else elements run.First run.Count x)

        let direction =
            if run.Count = side.Count then
                bounded
            else
                { bounded with Direction = elements (start - side.First) run.Count bounded.Direction }

        let struct (newTheta, newState) = step run direction places own

        let pieces =
            run.Groups
            |> List.map (fun group ->
                let piece = elements (analysis.Start group - start) group.Layout.Count newTheta
                group, (defaultArg group.Project id) piece)

        let moved =
            if run.Groups |> List.forall (fun group -> group.Project.IsNone) then
                withoutFrozen run.Ranges (own, newTheta)
            else
                pieces
                |> List.collect (fun (group, piece) ->
                    withoutFrozen
                        (rangesOfGroup frozen group)
                        (elements (analysis.Start group) group.Layout.Count theta, piece))

        let variables =
            List.zip places newState
            |> List.filter (fun (place, _) -> place.Rank > 0 || run.CarriesScalars)
            |> List.collect (withoutFrozen run.Ranges)

        moved @ variables, pieces |> List.map (fun (group, piece) -> group.Name, piece)
