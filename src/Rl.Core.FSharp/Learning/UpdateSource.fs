/// From groups and a loss to the expressions of an update: lanes, gradients, clipping, optimisers, averages.
namespace Rl.Core.Learning

open System
open System.Collections.Generic
open Rl.Core.Autodiff
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Networks
open Rl.Core.Optimisers

/// What an update is made of.
type UpdatePlan =
    {
        /// What failures call it, such as "policy step".
        Name: string
        Groups: ParameterGroup list
        /// The samples of one run.
        Shape: SampleShape
        /// The gradient of all learning groups is scaled down to this norm; 0 for no bound.
        MaxGradientNorm: float
        /// Called once for each lane, and always with the same terms in the same order.
        Loss: Batch -> Term list
    }

/// A column as an input of the compiled update.
type internal ColumnInput =
    {
        Column: Column
        /// The input's name.
        Input: string
        /// The side whose lanes read it; −1: all of it is read at once.
        Side: int
    }

/// Groups that a term connects, which therefore share their gradients. Sides are independent: lane p · sides + s is part p of the samples for
/// side s, and moves the side's groups if p = 0. So gradients and moments of one side stay with one thread.
type internal Side = { Groups: ParameterGroup list; First: int; Count: int }

/// The expressions of an update with what they read.
type internal UpdateSource =
    {
        Plan: UpdatePlan
        Program: ProgramSource
        /// The groups in the order of their numbers in the input "theta", each with its first.
        Groups: (ParameterGroup * int) list
        /// Name and variables, each with its initial values, of each optimiser.
        Optimisers: (string * StateVariable list) list
        Inputs: ColumnInput list
        /// The samples are cut into this many parts.
        Parts: int
        Sides: int
        /// The outputs that must be finite.
        Vital: string list
    }

/// A column's input by another name than its own.
type private Reads(shape: SampleShape) =
    let inputs = Dictionary<string, Expr>()
    let asked = List<Column>()
    let whole = HashSet<string>()

    /// The input of a name for a column: one and the same expression each time.
    member _.Input(name: string, column: Column) : Expr =
        match inputs.TryGetValue name with
        | true, known -> known
        | _ ->
            let input = Expr.input name (column.Shape shape)
            inputs[name] <- input

            if not (asked.Exists(fun other -> other.Name = column.Name)) then
                asked.Add column

            input

    /// Notes that a loss reads all rows of a column at once.
    member _.ReadWhole(column: Column) = whole.Add column.Name |> ignore

    member _.IsWhole(column: Column) = column.Kind = ColumnKind.Shared || whole.Contains column.Name
    /// The columns that were asked for, in that order.
    member _.Columns = List.ofSeq asked

[<RequireQualifiedAccess>]
module internal UpdateSource =

    /// The optimiser's input for a variable.
    let variable (optimiser: string) (name: string) = $"{optimiser}/{name}"

    let private isLearning (group: ParameterGroup) = group.Motion.IsLearns

    let private inputsOf (order: Expr[]) =
        order
        |> Array.choose (fun node ->
            match node.Operation with
            | Input name -> Some name
            | _ -> None)
        |> Set.ofArray

    /// Which learning groups each term depends on, and which columns it reads: struct (terms, groups of each, columns of each, what was read).
    let private analyse (plan: UpdatePlan) =
        let reads = Reads plan.Shape
        let own (column: Column) = reads.Input(column.Name, column)

        let all column =
            reads.ReadWhole column
            own column

        let thetas = plan.Groups |> List.map (fun group -> Expr.input ("group " + group.Name) [| group.Layout.Count |])

        let parameters =
            List.map2
                (fun (group: ParameterGroup) theta -> group.Name, Parameters.create group.Layout theta)
                plan.Groups
                thetas

        let terms = plan.Loss(Batch(plan.Shape, 0, plan.Shape.Units, id, own, all, Map.ofList parameters))

        let dependence =
            terms
            |> List.map (fun term ->
                let order = Graph.topological [ term.PerSample ]

                let groups =
                    List.zip plan.Groups thetas
                    |> List.filter (fun (group, theta) ->
                        isLearning group && (Graph.flowingTo [| theta |] order).Contains term.PerSample)
                    |> List.map (fun (group, _) -> group.Name)

                groups, inputsOf order)

        struct (terms, dependence, reads)

    /// The learning groups, joined where a term of the loss depends on several.
    let private connected (plan: UpdatePlan) (terms: Term list) (dependence: (string list * Set<string>) list) =
        let join (sides: ParameterGroup list list) (term: Term, (groups: string list, _)) =
            if Term.isReport term then
                sides
            else
                let touches side = side |> List.exists (fun (group: ParameterGroup) -> List.contains group.Name groups)
                let touched, others = List.partition touches sides

                match touched with
                | []
                | [ _ ] -> sides
                | _ ->
                    let joined = List.concat touched

                    let inOrder =
                        plan.Groups |> List.filter (fun group -> joined |> List.exists (fun g -> g.Name = group.Name))

                    inOrder :: others

        let sides = plan.Groups |> List.filter isLearning |> List.map List.singleton

        let position (side: ParameterGroup list) =
            plan.Groups |> List.findIndex (fun group -> group.Name = side.Head.Name)

        List.zip terms dependence |> List.fold join sides |> List.sortBy position

    let private check (plan: UpdatePlan) =
        Guard.positive "Units" plan.Shape.Units
        Guard.notNegativeNumber (nameof plan.MaxGradientNorm) plan.MaxGradientNorm
        let names = plan.Groups |> List.map _.Name

        if (List.distinct names).Length < names.Length then
            Guard.fail
                (nameof plan.Groups)
                $"""Two groups of the {plan.Name} have one name: {String.Join(", ", names)}."""

        if not (List.exists isLearning plan.Groups) then
            Guard.fail (nameof plan.Groups) $"No group of the {plan.Name} learns; give one an optimiser."

        for group in plan.Groups do
            match group.Motion with
            | GroupMotion.Follows(followed, rate) ->
                Guard.inRange "rate" 0.0 1.0 rate

                match plan.Groups |> List.tryFind (fun other -> other.Name = followed) with
                | Some other when other.Layout.Count = group.Layout.Count -> ()
                | _ ->
                    Guard.fail
                        (nameof plan.Groups)
                        $"The group {group.Name} follows {followed}, which must be a group of as many numbers ({group.Layout.Count})."
            | _ -> ()

    let private sum (expressions: Expr list) = List.reduce (+) expressions

    /// The value of a term over all lanes is the sum of this over them.
    let private value (samples: int) (parts: int) (term: Term) =
        match term.Kind with
        | TermKind.Mean
        | TermKind.Reported -> Expr.sum term.PerSample * (1.0 / float samples)
        | TermKind.Sum -> Expr.sum term.PerSample
        | TermKind.Once
        | TermKind.ReportedOnce -> term.PerSample * (1.0 / float parts)

    /// The sum of weighted values.
    let private weighted (terms: (Term * Expr) list) =
        terms
        |> List.filter (fun (term, _) -> not (Term.isReport term))
        |> List.map (fun (term, value) -> term.Weight * value)
        |> List.fold (+) (Expr.number 0.0)

    /// Neighbouring groups of a side that one optimiser moves: its name, the transform and the groups.
    let private runs (side: Side) =
        (side.Groups, [])
        ||> List.foldBack (fun group runs ->
            match group.Motion, runs with
            | GroupMotion.Learns(name, _), (known, transform, groups) :: rest when known = name ->
                (known, transform, group :: groups) :: rest
            | GroupMotion.Learns(name, transform), _ -> (name, transform, [ group ]) :: runs
            | _ -> runs)

    let private size (groups: ParameterGroup list) = groups |> List.sumBy (fun group -> group.Layout.Count)

    /// What each optimiser moves: name, transform, number of elements.
    let private optimisers (sides: Side list) =
        sides
        |> List.collect runs
        |> List.groupBy (fun (name, _, _) -> name)
        |> List.map (fun (name, runs) ->
            let _, transform, _ = runs.Head
            name, transform, runs |> List.sumBy (fun (_, _, groups) -> size groups))

    /// The expressions of a plan.
    let create (plan: UpdatePlan) : UpdateSource =
        check plan
        let struct (terms, dependence, reads) = analyse plan

        // Places in "theta": the sides one after the other, then the groups that do not learn.
        let learning = connected plan terms dependence
        let still = plan.Groups |> List.filter (isLearning >> not)
        let ordered = List.concat learning @ still
        let starts = ordered |> List.scan (fun first group -> first + group.Layout.Count) 0
        let groups = List.zip ordered (List.take ordered.Length starts)
        let start (group: ParameterGroup) = groups |> List.find (fun (other, _) -> other.Name = group.Name) |> snd

        let sides =
            learning
            |> List.map (fun groups -> { Groups = groups; First = start groups.Head; Count = size groups })

        let theta = Expr.input "theta" [| List.last starts |]
        let elements first count (x: Expr) = Expr.slice 0 first (first + count) x
        let ofGroup (group: ParameterGroup) = elements (start group) group.Layout.Count theta
        let units, samples = plan.Shape.Units, plan.Shape.Samples
        let parts = max 1 (min units (Lanes.count samples) / sides.Length)
        let lanes = parts * sides.Length
        let inLane lane x = if lanes = 1 then x else Expr.lane lane x

        // The side that reports each term, and the input of each column for each side.
        let sideOf (term: Term, (names: string list, _)) =
            sides
            |> List.tryFindIndex (fun side -> side.Groups |> List.exists (fun group -> List.contains group.Name names))
            |> Option.defaultValue 0

        let owners = List.zip terms dependence |> List.map sideOf

        let readBy side (column: Column) =
            List.exists2
                (fun owner (_, inputs: Set<string>) -> owner = side && inputs.Contains column.Name)
                owners
                dependence

        let inputs =
            [
                for column in reads.Columns do
                    let readers = List.init sides.Length id |> List.filter (fun side -> readBy side column)

                    if reads.IsWhole column then
                        if not readers.IsEmpty then { Column = column; Input = column.Name; Side = -1 }
                    else
                        for side in readers do
                            // Each side has its own, so that two threads need not read what one of them has just written.
                            let isFirst = side = readers.Head
                            let name = if isFirst then column.Name else $"{sides[side].Groups.Head.Name}/{column.Name}"
                            { Column = column; Input = name; Side = side }
            ]

        let columns = Reads plan.Shape

        let inputOf side (column: Column) =
            let known =
                inputs
                |> List.tryFind (fun input -> input.Column.Name = column.Name && (input.Side = side || input.Side < 0))

            // What no term of this side reads may have any name: it leaves no trace.
            columns.Input(
                (match known with
                 | Some input -> input.Input
                 | None -> column.Name),
                column
            )

        // Gradient and terms of each side, summed over the parts.
        let partOf (index: int) (side: Side) (sideTheta: Expr) part =
            let lane = part * sides.Length + index

            let parameters =
                plan.Groups
                |> List.map (fun group ->
                    let own =
                        if side.Groups |> List.exists (fun other -> other.Name = group.Name) then
                            elements (start group - side.First) group.Layout.Count sideTheta
                        else
                            ofGroup group

                    group.Name, Parameters.create group.Layout own)

            let batch =
                Batch(
                    plan.Shape,
                    part * units / parts,
                    (part + 1) * units / parts,
                    inLane lane,
                    inputOf index,
                    inputOf index,
                    Map.ofList parameters
                )

            let own =
                List.zip (plan.Loss batch) owners
                |> List.filter (fun (_, owner) -> owner = index)
                |> List.map (fun (term, _) -> term, value samples parts term)

            (Diff.gradients (weighted own) [| sideTheta |])[0], own

        let computed =
            sides
            |> List.mapi (fun index side ->
                let sideTheta = elements side.First side.Count theta
                let results = List.init parts (partOf index side sideTheta)

                // The side's own lane adds them, the same that moves its groups on: so they go to one cache, and once.
                let gradient = results |> List.map (fst >> inLane index) |> sum

                let values =
                    results
                    |> List.map (snd >> List.map (fun (term, value) -> term.Name, value))
                    |> List.reduce (List.map2 (fun (name, a: Expr) (_, b) -> name, a + b))

                side, sideTheta, gradient, values)

        let norm =
            computed
            |> List.map (fun (_, _, gradient, _) -> Expr.sum (Expr.square gradient))
            |> sum
            |> Expr.sqrt

        let bounded gradient lane =
            if plan.MaxGradientNorm > 0.0 then
                let factor = Expr.minimum (Expr.number 1.0) (plan.MaxGradientNorm / (norm + 1e-6))
                Scaled.times (inLane lane factor) (Scaled.ofVector gradient)
            else
                Scaled.ofVector gradient

        // Each side moves its own elements of θ and of the optimisers' vectors; the count of updates is one for all.
        let optimisers = optimisers sides

        let states =
            optimisers
            |> List.map (fun (name, transform, count) -> name, Optimiser.inputs (variable name "") count transform)
            |> Map.ofList

        let next = Dictionary<string, int>()

        let moveRun (side: Side) sideTheta (gradient: Scaled) (name: string, transform, groups: ParameterGroup list) =
            let count = size groups
            let first = start groups.Head - side.First

            let before =
                match next.TryGetValue name with
                | true, before -> before
                | _ -> 0

            next[name] <- before + count
            let places = states[name] |> List.map (fun x -> if x.Rank = 0 then x else elements before count x)
            let own = elements first count sideTheta

            let direction =
                if count = side.Count then
                    gradient
                else
                    { gradient with Direction = elements first count gradient.Direction }

            let struct (newTheta, newState) = Optimiser.updateScaled transform direction places own
            let isCountDone = before > 0

            let pieces =
                groups
                |> List.map (fun group ->
                    let from = start group - start groups.Head
                    let project = defaultArg group.Project id
                    group, project (elements from group.Layout.Count newTheta))

            let moved =
                if groups |> List.forall (fun group -> group.Project.IsNone) then
                    [ own, newTheta ]
                else
                    pieces |> List.map (fun (group, piece) -> ofGroup group, piece)

            let variables =
                List.zip places newState |> List.filter (fun (place, _) -> place.Rank > 0 || not isCountDone)

            moved @ variables, pieces |> List.map (fun (group, piece) -> group.Name, piece)

        let moved =
            computed
            |> List.mapi (fun index (side, sideTheta, gradient, _) ->
                runs side |> List.map (moveRun side sideTheta (bounded gradient index)))
            |> List.concat

        let newThetas = moved |> List.collect snd |> Map.ofList

        let averaged =
            still
            |> List.choose (fun group ->
                match group.Motion with
                | GroupMotion.Follows(followed, rate) ->
                    let old = ofGroup group

                    let target =
                        match newThetas.TryFind followed with
                        | Some moved -> moved
                        | None -> ofGroup (plan.Groups |> List.find (fun other -> other.Name = followed))

                    Some(old, old + rate * (target - old))
                | _ -> None)

        let values = computed |> List.collect (fun (_, _, _, values) -> values) |> Map.ofList

        {
            Plan = plan
            Program =
                {
                    Outputs = [ for term in terms -> term.Name, values[term.Name] ] @ [ "gradientNorm", norm ]
                    Carried = List.collect fst moved @ averaged
                }
            Groups = groups
            Optimisers = [ for name, transform, count in optimisers -> name, Optimiser.state count transform ]
            Inputs = inputs
            Parts = parts
            Sides = sides.Length
            Vital =
                [
                    for term in terms do
                        if not (Term.isReport term) then term.Name

                    "gradientNorm"
                ]
        }

/// Programs without an update over the lanes of some samples, such as gradients to be used otherwise.
[<RequireQualifiedAccess>]
module internal LaneSums =

    /// The batches of all lanes for groups whose parameters are given.
    let batches (shape: SampleShape) (groups: (string * Parameters) list) : Batch list =
        let reads = Reads shape
        let own (column: Column) = reads.Input(column.Name, column)
        let lanes = Lanes.count shape.Samples
        let inLane lane x = if lanes = 1 then x else Expr.lane lane x

        List.init lanes (fun lane ->
            let first, last = lane * shape.Units / lanes, (lane + 1) * shape.Units / lanes
            Batch(shape, first, last, inLane lane, own, own, Map.ofList groups))

    /// Σ f over batches.
    let sum (f: Batch -> Expr) (batches: Batch list) : Expr = batches |> List.map f |> List.reduce (+)
