/// What an update is made of, and what follows from its loss alone: sides, places in θ, inputs, parts.
namespace Rl.Core.Learning

open System
open System.Collections.Generic
open Rl.Core.Autodiff
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Networks

/// What an update is made of.
type UpdatePlan =
    {
        /// What failures call it, such as "policy step".
        Name: string
        /// What it moves and what its loss reads.
        Groups: ParameterGroup list
        /// The samples of one run.
        Shape: SampleShape
        /// The gradient of all learning groups is scaled down to this norm; 0 for no bound.
        MaxGradientNorm: float
        /// Called once for each lane, and always with the same terms in the same order.
        Loss: Batch -> Term list
    }

/// Groups that terms connect: one that depends on several, or two that read one product of matrices. Sides are
/// independent: lane p · sides + s is part p of the samples for side s, and moves the side's groups if p = 0. So
/// gradients and moments of one side stay with one thread.
type internal Side = { Groups: ParameterGroup list; First: int; Count: int }

/// A column as an input of the compiled update.
type internal ColumnInput =
    {
        Column: Column
        /// The input's name.
        Input: string
        /// The side whose lanes read it; −1: all of it is read at once.
        Side: int
    }

/// The inputs of columns, and what was asked of them.
[<Sealed>]
type internal ColumnInputs(shape: SampleShape) =
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

    /// The input of a column's own name.
    member this.Own(column: Column) : Expr = this.Input(column.Name, column)

    /// The same, of which a loss reads all rows at once.
    member this.Whole(column: Column) : Expr =
        whole.Add column.Name |> ignore
        this.Own column

    member _.IsWhole(column: Column) = column.Kind = ColumnKind.Shared || whole.Contains column.Name
    /// The columns that were asked for, in that order.
    member _.Columns = List.ofSeq asked

/// What follows from a plan's loss.
type internal UpdateAnalysis =
    {
        /// The terms, with the expressions of no lane.
        Terms: Term list
        /// The side that each term is reported by.
        Owners: int list
        Sides: Side list
        /// The groups in the order of their numbers in the input "theta", each with its first: sides one after the
        /// other, then the groups that do not learn.
        Groups: (ParameterGroup * int) list
        Inputs: ColumnInput list
        /// The samples are cut into this many parts.
        Parts: int
    }

    /// The place of a group's first number in "theta".
    member this.Start(group: ParameterGroup) : int =
        this.Groups |> List.find (fun (other, _) -> other.Name = group.Name) |> snd

    /// The length of "theta".
    member this.Count = this.Groups |> List.sumBy (fun (group, _) -> group.Layout.Count)

/// A term, the learning groups that it depends on, and the inputs and products of matrices that it reads.
[<NoEquality; NoComparison>]
type internal AnalysedTerm = { Term: Term; Groups: string list; Inputs: Set<string>; Products: HashSet<Expr> }

[<RequireQualifiedAccess>]
module internal UpdateAnalysis =

    let private isLearning (group: ParameterGroup) = group.Motion.IsLearns

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
                        ($"The group {group.Name} follows {followed}, which must be a group of as many numbers "
                         + $"({group.Layout.Count}).")
            | GroupMotion.Becomes when not plan.Shape.IsWhole ->
                Guard.fail
                    (nameof plan.Shape)
                    ($"The group {group.Name} becomes what depends on all samples: they must be whole, not cut "
                     + "into lanes.")
            | _ -> ()

    let private inputsOf (order: Expr[]) =
        order
        |> Array.choose (fun node ->
            match node.Operation with
            | Input name -> Some name
            | _ -> None)
        |> Set.ofArray

    /// The products of matrices and the convolutions, which are nearly all of the work.
    let private productsOf (order: Expr[]) =
        let products =
            order
            |> Array.filter (fun node ->
                match node.Operation with
                | MatMul _
                | MatMulBias _
                | Convolve _
                | ConvolveBias _ -> true
                | _ -> false)

        HashSet<Expr>(products, HashIdentity.Reference)

    /// The terms of all samples at once; of each, what follows from its expression.
    let private terms (plan: UpdatePlan) (inputs: ColumnInputs) : AnalysedTerm list =
        let thetas = plan.Groups |> List.map (fun group -> Expr.input ("group " + group.Name) [| group.Layout.Count |])

        let parameters =
            List.map2
                (fun (group: ParameterGroup) theta -> group.Name, Parameters.create group.Layout theta)
                plan.Groups
                thetas

        let terms =
            plan.Loss(Batch(plan.Shape, 0, plan.Shape.Units, id, inputs.Own, inputs.Whole, Map.ofList parameters))

        if (terms |> List.distinctBy _.Name).Length < terms.Length then
            let names = String.Join(", ", terms |> List.map _.Name)
            Guard.fail (nameof plan.Loss) $"Two terms of the {plan.Name} have one name: {names}."

        for group in plan.Groups do
            let isOwn (term: Term) =
                term.Kind.IsBecomes && term.Name = group.Name && term.PerSample.Shape = [| group.Layout.Count |]

            if group.Motion.IsBecomes && not (List.exists isOwn terms) then
                Guard.fail
                    (nameof plan.Loss)
                    $"The {plan.Name} has no term of {group.Layout.Count} numbers that the group {group.Name} becomes."

        terms
        |> List.map (fun term ->
            let order = Graph.topological [ term.PerSample ]

            let groups =
                List.zip plan.Groups thetas
                |> List.filter (fun (group, theta) ->
                    isLearning group && (Graph.flowingTo [| theta |] order).Contains term.PerSample)
                |> List.map (fun (group, _) -> group.Name)

            { Term = term; Groups = groups; Inputs = inputsOf order; Products = productsOf order })

    /// The learning groups, joined where a term of the loss depends on several, and where terms share products: these
    /// would otherwise be computed once for each side.
    let private connected (plan: UpdatePlan) (terms: AnalysedTerm list) : ParameterGroup list list =
        let inOrder (groups: ParameterGroup list) =
            plan.Groups
            |> List.filter (fun group -> groups |> List.exists (fun other -> other.Name = group.Name))

        let join (sides: ParameterGroup list list) (names: string list) =
            let touches side = side |> List.exists (fun (group: ParameterGroup) -> List.contains group.Name names)

            match List.partition touches sides with
            | touched, others when touched.Length > 1 -> inOrder (List.concat touched) :: others
            | _ -> sides

        let learning = terms |> List.filter (fun term -> not (Term.isReport term.Term))

        let sharing =
            List.allPairs learning learning
            |> List.filter (fun (one, other) -> one.Products.Overlaps other.Products)
            |> List.map (fun (one, other) -> one.Groups @ other.Groups)

        let position (side: ParameterGroup list) =
            plan.Groups |> List.findIndex (fun group -> group.Name = side.Head.Name)

        let alone = plan.Groups |> List.filter isLearning |> List.map List.singleton
        List.fold join alone (List.map _.Groups learning @ sharing) |> List.sortBy position

    /// The input of each column for each side that reads it.
    let private columnInputs (sides: Side list) (asked: ColumnInputs) (readBy: int -> Column -> bool) =
        [
            for column in asked.Columns do
                let readers = [ 0 .. sides.Length - 1 ] |> List.filter (fun side -> readBy side column)

                if asked.IsWhole column then
                    if not readers.IsEmpty then { Column = column; Input = column.Name; Side = -1 }
                else
                    for side in readers do
                        // Each side has its own, so that two threads need not read what one of them has just written.
                        let prefix = if side = readers.Head then "" else sides[side].Groups.Head.Name + "/"
                        { Column = column; Input = prefix + column.Name; Side = side }
        ]

    /// Calls the loss once and follows its terms.
    let create (plan: UpdatePlan) : UpdateAnalysis =
        check plan
        let asked = ColumnInputs plan.Shape
        let terms = terms plan asked
        let learning = connected plan terms
        let ordered = List.concat learning @ List.filter (isLearning >> not) plan.Groups
        let starts = ordered |> List.scan (fun first group -> first + group.Layout.Count) 0
        let groups = List.zip ordered (List.take ordered.Length starts)

        let sides =
            learning
            |> List.map (fun groups ->
                let first = List.findIndex (fun (other: ParameterGroup) -> other.Name = groups.Head.Name) ordered

                {
                    Groups = groups
                    First = starts[first]
                    Count = groups |> List.sumBy (fun group -> group.Layout.Count)
                })

        let owner (term: AnalysedTerm) =
            sides
            |> List.tryFindIndex (fun side ->
                side.Groups |> List.exists (fun group -> List.contains group.Name term.Groups))
            |> Option.defaultValue 0

        let owners = List.map owner terms

        let readBy side (column: Column) =
            List.exists2
                (fun owner (term: AnalysedTerm) -> owner = side && term.Inputs.Contains column.Name)
                owners
                terms

        {
            Terms = terms |> List.map _.Term
            Owners = owners
            Sides = sides
            Groups = groups
            Inputs = columnInputs sides asked readBy
            Parts =
                if plan.Shape.IsWhole then
                    1
                else
                    max 1 (min plan.Shape.Units (Lanes.count plan.Shape.Samples) / sides.Length)
        }
