/// What a predictor computes, as expressions: from an environment's observations to its actions.
namespace Rl.Core.Export

open System
open Rl.Core.Acting
open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Training

/// How a policy is to act outside the library.
type ExportOptions =
    {
        /// Whether it is told which choices are possible.
        Masks: bool
        /// Whether actions are drawn, from numbers that it is given; else they are the most probable ones.
        Draws: bool
        /// Whether images of numbers from 0 to 255 come as bytes.
        ImagesAsBytes: bool
    }

/// What the elements of an input or an output are.
[<RequireQualifiedAccess>]
type PolicyElements =
    | Numbers
    /// Bytes, of images.
    | Bytes
    /// Integers, one a start; the expression has them less their starts.
    | Integers of starts: int[]
    /// Whether something holds; the expression has 1 and 0.
    | Truths

/// An input or an output of a policy, and its expression [rows, elements].
type PolicyPort =
    {
        Name: string
        Elements: PolicyElements
        /// The shape of one row.
        Shape: int[]
        /// What it holds, in words.
        Meaning: string
        Value: Expr
    }

/// The policy of a model as expressions of θ, an input "theta", and of the inputs below.
type PolicyExpressions = { Inputs: PolicyPort list; Outputs: PolicyPort list }

/// Tracing policies.
[<RequireQualifiedAccess>]
module PolicyExpressions =

    /// The name of a port of a part of a space.
    let private portName (whole: string) (part: SpacePart) = if part.Path = "" then whole else $"{whole}.{part.Path}"

    let private elements (imagesAsBytes: bool) (space: Space) : PolicyElements =
        match space with
        | Space.Discrete(_, start) -> PolicyElements.Integers [| start |]
        | Space.MultiDiscrete(_, starts) -> PolicyElements.Integers starts
        | Space.MultiBinary _ -> PolicyElements.Integers(Array.zeroCreate space.Size)
        | Space.Box(low, high, [| _; _; _ |]) when
            imagesAsBytes && Array.forall ((=) 0.0) low && Array.forall ((=) 255.0) high
            ->
            PolicyElements.Bytes
        | _ -> PolicyElements.Numbers

    let private port name elements shape meaning value =
        { Name = name; Elements = elements; Shape = shape; Meaning = meaning; Value = value }

    /// The actor's numbers in the units of the environment.
    let private scale (map: ActionMap) (x: Expr) : Expr =
        if map.Centres.Length = 0 then
            x
        else
            Expr.vector map.Centres + Expr.vector map.HalfRanges * x

    /// Numbers clipped to the boxes of a space.
    let private place (space: Space) (action: Expr) : Expr =
        Space.layout space
        |> List.map (fun part ->
            let own = SpaceExpressions.cut part.Offset part.Size action

            match part.Space with
            | Space.Box(low, high, _) -> SpaceExpressions.clip low high own
            | _ -> own)
        |> Expr.concat 1

    let private input rows name elements (shape: int[]) meaning =
        port name elements shape meaning (Expr.input name [| rows; Shape.count shape |])

    /// The policy of a model behind wrappers for a number of rows. `NotSupportedException` for a wrapper that is a
    /// function of a user's program.
    let trace
        (options: ExportOptions)
        (wrapping: Wrapping)
        (facts: ActingFacts)
        (model: PolicyModel)
        (rows: int)
        : PolicyExpressions =
        if model.Plans.IsSome then
            raise (
                NotSupportedException(
                    "The policy acts by planning with a model of the world; a search is no graph of operations. Let "
                    + "another agent, such as filtered-bc, learn from its recorded episodes, and export that one."
                )
            )

        let actor, choice = model.Network, model.Network.Distribution.Choice
        let layout = Actor.layout actor
        let input name elements shape meaning = input rows name elements shape meaning

        let observed =
            Space.layout wrapping.ObservationSpace
            |> List.map (fun part ->
                input
                    (portName "observation" part)
                    (elements options.ImagesAsBytes part.Space)
                    part.Space.Shape
                    $"an observation of {part.Space}")

        // What wrappers remember comes before what the network does.
        let ofWrappers = WrapperExpressions.memory wrapping facts
        let remembered = ofWrappers + actor.StateSize

        let toldRewards =
            match actor.Transformer with
            | Some transformer -> $", to whose element {ofWrappers + transformer.EarnedAt} the last reward is added"
            | None -> ""

        let state =
            if remembered = 0 then
                None
            else
                Some(
                    input
                        "state"
                        PolicyElements.Numbers
                        [| remembered |]
                        ("what the policy remembers: zeros where an episode begins, then the last next_state"
                         + toldRewards)
                )

        let recalled offset size =
            match state with
            | Some state when size > 0 -> SpaceExpressions.cut offset size state.Value
            | _ -> Expr.zeros [| rows; 0 |]

        let statistics = if wrapping.Wrappers.IsEmpty then [] else model.WrapperStatistics

        let struct (seen, kept) =
            observed
            |> List.map _.Value
            |> Expr.concat 1
            |> WrapperExpressions.observations wrapping facts statistics (recalled 0 ofWrappers)

        let encoded =
            seen
            |> SpaceExpressions.encode model.ObservationSpace
            |> SpaceExpressions.normalise model.Observations

        let parameters = Parameters.create layout (Expr.input "theta" [| layout.Count |])

        let struct (output, next) =
            if actor.StateSize = 0 then
                struct (Actor.apply actor parameters encoded, kept)
            else
                let own = recalled ofWrappers actor.StateSize
                let struct (output, next) = Actor.step actor parameters encoded own
                struct (output, kept @ [ next ])

        let choices = actor.Distribution.Choices

        let mask =
            if options.Masks && choices > 0 then
                Some(
                    input
                        "mask"
                        PolicyElements.Truths
                        [| choices |]
                        "whether each choice is possible; each integer needs one that is"
                )
            else
                None

        let drawn name count meaning =
            if options.Draws && count > 0 then
                Some(input name PolicyElements.Numbers [| count |] meaning)
            else
                None

        let uniform = drawn "uniform" choice.Uniforms "numbers drawn uniformly between 0 and 1, without either"
        let normal = drawn "normal" choice.Normals "numbers drawn from the standard normal distribution"
        let ofMask = mask |> Option.map _.Value

        let numbersOf (port: PolicyPort option) =
            match port with
            | Some port -> port.Value
            | None -> Expr.zeros [| rows; 0 |]

        let action =
            if options.Draws then
                choice.Draw ofMask output (struct (numbersOf uniform, numbersOf normal))
            else
                choice.Mode ofMask output

        let next =
            match actor.Transformer with
            | Some transformer ->
                // The own state comes last, and in it the action that was just chosen.
                let own = List.last next
                let before = SpaceExpressions.cut 0 transformer.LastActionAt own
                List.take (next.Length - 1) next @ [ before; SpaceExpressions.encode model.ActionSpace action ]
            | None -> next

        let action = scale actor.Actions action |> place model.ActionSpace |> WrapperExpressions.actions wrapping

        let acted =
            Space.layout wrapping.ActionSpace
            |> List.map (fun part ->
                port
                    (portName "action" part)
                    (elements false part.Space)
                    part.Space.Shape
                    $"an action of {part.Space}"
                    (SpaceExpressions.cut part.Offset part.Size action))

        let handedOn =
            if next.IsEmpty then
                []
            else
                let meaning = "the state for the next observation"
                [ port "next_state" PolicyElements.Numbers [| remembered |] meaning (Expr.concat 1 next) ]

        { Inputs = observed @ List.choose id [ mask; state; uniform; normal ]; Outputs = acted @ handedOn }
