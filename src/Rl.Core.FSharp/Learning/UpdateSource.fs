/// From groups and a loss to the expressions of an update: lanes, gradients, clipping, optimisers, averages.
namespace Rl.Core.Learning

open Rl.Core.Autodiff
open Rl.Core.Experience
open Rl.Core.Networks
open Rl.Core.Optimisers

/// The expressions of an update with what they read.
type internal UpdateSource =
    {
        Plan: UpdatePlan
        /// The blocks of θ that stay.
        Frozen: FrozenBlock list
        Analysis: UpdateAnalysis
        Program: ProgramSource
        /// Name and variables, each with its initial values, of each optimiser.
        Optimisers: (string * StateVariable list) list
        /// The outputs that must be finite.
        Vital: string list
    }

[<RequireQualifiedAccess>]
module internal UpdateSource =

    /// The optimiser's input for a variable.
    let variable (optimiser: string) (name: string) = $"{optimiser}/{name}"

    /// Whether an array of a state is an optimiser's, which losses do not read.
    let isVariable (array: string) = array.Contains '/'

    let private elements first count (x: Expr) = UpdateRuns.elements first count x
    let private sum (expressions: Expr list) = List.reduce (+) expressions

    /// Marks the start of a lane, if there are several.
    let private inLane (analysis: UpdateAnalysis) lane x =
        if analysis.Parts * analysis.Sides.Length = 1 then x else Expr.lane lane x

    /// The value of a term over all lanes is the sum of this over them.
    let private value (samples: int) (parts: int) (term: Term) =
        match term.Kind with
        | TermKind.Mean
        | TermKind.Reported -> Expr.sum term.PerSample * (1.0 / float samples)
        | TermKind.Sum -> Expr.sum term.PerSample
        | TermKind.Once
        | TermKind.ReportedOnce -> term.PerSample * (1.0 / float parts)
        | TermKind.Each
        | TermKind.Becomes -> term.PerSample

    /// A term's name and what its lanes give together.
    let private overLanes (plan: UpdatePlan) (lanes: (Term * Expr) list) : string * Expr =
        let term, values = fst lanes.Head, List.map snd lanes

        term.Name,
        (match term.Kind with
         | TermKind.Each -> Expr.concat plan.Shape.Axis values
         // Samples of such terms are whole: there is one part.
         | TermKind.Becomes -> values.Head
         | _ -> sum values)

    /// The sum of weighted values.
    let private weighted (terms: (Term * Expr) list) =
        terms
        |> List.filter (fun (term, _) -> not (Term.isReport term))
        |> List.map (fun (term, value) -> term.Weight * value)
        |> List.fold (+) (Expr.number 0.0)

    /// The groups' parameters as a side sees them: its own in its part of θ, which derivatives are taken by but for
    /// frozen blocks, the others in θ.
    let private parameters frozen (analysis: UpdateAnalysis) (theta: Expr) (side: Side) (sideTheta: Expr) =
        analysis.Groups
        |> List.map (fun (group, start) ->
            let isOwn = side.Groups |> List.exists (fun other -> other.Name = group.Name)
            let count = group.Layout.Count

            let own =
                if not isOwn then
                    elements start count theta
                else
                    let own = elements (start - side.First) count sideTheta

                    match group.Place with
                    | GroupPlace.Theta first -> FrozenBlocks.stopGradients frozen first group.Layout own
                    | GroupPlace.Array _ -> own

            group.Name, Parameters.create group.Layout own)
        |> Map.ofList

    /// The loss and its terms for one part of the samples and one side: struct (gradient, terms with their values).
    let private lane
        (plan: UpdatePlan)
        frozen
        (analysis: UpdateAnalysis)
        (columns: ColumnInputs)
        theta
        index
        sideTheta
        part
        =
        let side = analysis.Sides[index]
        let units, parts = plan.Shape.Units, analysis.Parts

        let inputOf (column: Column) =
            let known =
                analysis.Inputs
                |> List.tryFind (fun input -> input.Column.Name = column.Name && (input.Side = index || input.Side < 0))

            // What no term of this side reads may have any name: it leaves no trace.
            let name = known |> Option.map _.Input |> Option.defaultValue column.Name
            columns.Input(name, column)

        let batch =
            Batch(
                plan.Shape,
                part * units / parts,
                (part + 1) * units / parts,
                inLane analysis (part * analysis.Sides.Length + index),
                inputOf,
                inputOf,
                parameters frozen analysis theta side sideTheta
            )

        let terms =
            List.zip (plan.Loss batch) analysis.Owners
            |> List.filter (fun (_, owner) -> owner = index)
            |> List.map (fun (term, _) -> term, value plan.Shape.Samples parts term)

        struct ((Diff.gradients (weighted terms) [| sideTheta |])[0], terms)

    /// Gradient and terms of a side, summed over the parts.
    let private sideGradient plan frozen (analysis: UpdateAnalysis) columns theta index (side: Side) : SideGradient =
        let sideTheta = elements side.First side.Count theta
        let lanes = List.init analysis.Parts (lane plan frozen analysis columns theta index sideTheta)

        {
            Side = side
            Theta = sideTheta
            // The side's own lane adds them, the same that moves its groups on: so they go to one cache, and once.
            Gradient = lanes |> List.map (fun (struct (gradient, _)) -> inLane analysis index gradient) |> sum
            Values = lanes |> List.map (fun (struct (_, terms)) -> terms) |> List.transpose |> List.map (overLanes plan)
        }

    /// The gradient of a side, scaled down where the norm over all groups is too large.
    let private bounded (plan: UpdatePlan) analysis (norm: Expr) index (gradient: Expr) =
        if plan.MaxGradientNorm > 0.0 then
            let factor = Expr.minimum (Expr.number 1.0) (plan.MaxGradientNorm / (norm + 1e-6))
            Scaled.times (inLane analysis index factor) (Scaled.ofVector gradient)
        else
            Scaled.ofVector gradient

    /// Expressions that optimisers made with the values of terms in the place of the inputs that stand for them.
    let private withTerms (values: Map<string, Expr>) (mark: Expr -> Expr) (expressions: Expr[]) : Expr[] =
        let valueOf (node: Expr) =
            match node.Operation with
            | Input name when name.StartsWith(Term.ValuePrefix, System.StringComparison.Ordinal) ->
                match values.TryFind(name.Substring Term.ValuePrefix.Length) with
                | Some value when value.Rank = 0 -> Some(struct (node, mark value))
                | _ ->
                    Rl.Core.Foundations.Guard.fail
                        "transform"
                        $"An optimiser reads the {name}; the update has no such term that is one number."
            | _ -> None

        match Graph.topological expressions |> Array.choose valueOf with
        | [||] -> expressions
        | found -> Graph.substitute found expressions

    /// The new numbers of a side's groups and of what its optimisers keep, and the groups' alone by name, with what
    /// they read of terms.
    let private resolve values mark (carried: (Expr * Expr) list, moved: (string * Expr) list) =
        let all = List.map snd carried @ List.map snd moved |> List.toArray |> withTerms values mark |> List.ofArray
        let ofCarried, ofMoved = List.splitAt carried.Length all
        List.zip (List.map fst carried) ofCarried, List.zip (List.map fst moved) ofMoved

    /// Groups that follow others, with their new numbers.
    let private averages (analysis: UpdateAnalysis) theta (moved: Map<string, Expr>) =
        let ofGroup (group: ParameterGroup) = elements (analysis.Start group) group.Layout.Count theta

        analysis.Groups
        |> List.choose (fun (group, _) ->
            match group.Motion with
            | GroupMotion.Follows(followed, rate) ->
                let old = ofGroup group

                let target =
                    match moved.TryFind followed with
                    | Some target -> target
                    | None -> analysis.Groups |> List.find (fun (other, _) -> other.Name = followed) |> fst |> ofGroup

                Some(old, old + rate * (target - old))
            | _ -> None)

    /// Groups that become what terms say, with their new numbers.
    let private becoming frozen (analysis: UpdateAnalysis) theta (values: Map<string, Expr>) =
        analysis.Groups
        |> List.filter (fun (group, _) -> group.Motion.IsBecomes)
        |> List.collect (fun (group, start) ->
            UpdateRuns.withoutFrozen
                (UpdateRuns.rangesOfGroup frozen group)
                (elements start group.Layout.Count theta, values[group.Name]))

    /// Those of the blocks that the plan's groups have.
    let frozenWithin (plan: UpdatePlan) (frozen: FrozenBlock list) : FrozenBlock list =
        frozen
        |> List.filter (fun block ->
            plan.Groups
            |> List.exists (fun group -> UpdateRuns.rangesOfGroup [ block ] group |> List.exists _.IsFrozen))

    /// The expressions of a plan of which these blocks stay. Sides, lanes and the order of numbers do not depend on
    /// them.
    let createWith (frozen: FrozenBlock list) (plan: UpdatePlan) : UpdateSource =
        let analysis = UpdateAnalysis.create plan
        let columns = ColumnInputs plan.Shape
        let theta = Expr.input "theta" [| analysis.Count |]
        let gradients = analysis.Sides |> List.mapi (sideGradient plan frozen analysis columns theta)
        let norm = gradients |> List.map (fun side -> Expr.sum (Expr.square side.Gradient)) |> sum |> Expr.sqrt
        let runs = UpdateRuns.ofSides frozen analysis.Sides

        let optimisers =
            List.concat runs
            |> List.groupBy _.Optimiser
            |> List.map (fun (name, runs) -> name, runs.Head.Transform, runs |> List.sumBy _.Count)

        let states =
            optimisers
            |> List.map (fun (name, transform, count) -> name, Optimiser.inputs (variable name "") count transform)
            |> Map.ofList

        let values = gradients |> List.collect _.Values |> Map.ofList

        let carried, moved =
            List.zip gradients runs
            |> List.mapi (fun index (gradient, runs) ->
                let bounded = bounded plan analysis norm index gradient.Gradient

                runs
                |> List.map (fun run ->
                    UpdateRuns.move frozen analysis theta gradient bounded states[run.Optimiser] run
                    |> resolve values (inLane analysis index)))
            |> List.concat
            |> List.unzip

        let averaged = averages analysis theta (Map.ofList (List.concat moved))

        {
            Plan = plan
            Frozen = frozen
            Analysis = analysis
            Program =
                {
                    Outputs =
                        [
                            for term in analysis.Terms do
                                if not term.Kind.IsBecomes then term.Name, values[term.Name]

                            "gradientNorm", norm
                        ]
                    Carried = List.concat carried @ averaged @ becoming frozen analysis theta values
                }
            Optimisers = [ for name, transform, count in optimisers -> name, Optimiser.state count transform ]
            Vital =
                [
                    for term in analysis.Terms do
                        if not (Term.isReport term) then term.Name

                    "gradientNorm"
                ]
        }

    /// The expressions of a plan of which nothing is frozen.
    let create (plan: UpdatePlan) : UpdateSource = createWith [] plan

/// Programs without an update over the lanes of some samples, such as gradients to be used otherwise.
[<RequireQualifiedAccess>]
module internal LaneSums =

    /// The batches of all lanes for groups whose parameters are given.
    let batches (shape: SampleShape) (groups: (string * Parameters) list) : Batch list =
        let columns = ColumnInputs shape
        let lanes = min shape.Units (Lanes.count shape.Samples)
        let mark lane x = if lanes = 1 then x else Expr.lane lane x

        List.init lanes (fun lane ->
            let first, last = lane * shape.Units / lanes, (lane + 1) * shape.Units / lanes
            Batch(shape, first, last, mark lane, columns.Own, columns.Own, Map.ofList groups))

    /// Σ f over batches.
    let sum (f: Batch -> Expr) (batches: Batch list) : Expr = batches |> List.map f |> List.reduce (+)
