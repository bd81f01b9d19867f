/// Acting with a trained policy: a compiled program for a fixed number of observations at once.
namespace Rl.Core.Training

open System
open Rl.Core.Acting
open Rl.Core.Foundations
open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Learning
open Rl.Core.Networks

/// The policy of a model for `rows` observations. Observations are encoded and normalised as in training (limit ± 10);
/// actions are those of the environment: integers of a discrete space, numbers within a box. A recurrent policy
/// remembers what each row has seen until `Forget`, one that plans its plan; its search draws the same numbers in each
/// episode where no keys are given. One that is asked for a return also remembers what it has done, and is told rewards
/// by `Earn`. After construction nothing is allocated, but by planning. Not thread-safe.
[<Sealed>]
type Predictor(model: PolicyModel, rows: int) =
    do Guard.positive (nameof rows) rows

    // What messages call the arguments: those of callers who have one observation.
    let nameOfObservations, nameOfMasks, nameOfActions =
        if rows = 1 then
            "observation", "mask", "action"
        else
            "observations", "masks", "actions"

    let observationSpace, actionSpace = model.ObservationSpace, model.ActionSpace
    let isIdentity = Encoding.isIdentity observationSpace
    let observationSize, actionSize = observationSpace.Size, actionSpace.Size
    let inputs = Encoding.size observationSpace
    let layout = Actor.layout model.Network
    let head = model.Network.Distribution
    let actionMap = model.Network.Actions
    let choices = head.Choices
    let stateSize = model.Network.StateSize
    let mutable statistics = model.Observations
    let plans = model.Plans.IsSome

    let program =
        if plans then
            ValueNone
        else
            ValueSome(ActingProgram(model.Network, layout, rows, inputs))

    let mutable players: IPlayer[] = [||]
    // Of searches where no keys are given.
    let firstKey = Rng.create 0UL
    let searchKeys = Array.create rows firstKey
    let encoded = Array.zeroCreate<float32>(rows * inputs)
    let states = Array.zeroCreate<float32>(rows * stateSize)
    let policyAction = Array.zeroCreate<float32> actionSize
    let policySpace = Encoding.ofPolicy actionSpace
    let actsAsEncoded = Encoding.isIdentity policySpace

    /// A policy that looks back upon its episode remembers what it has just done.
    let remember row =
        match model.Network.Transformer with
        | Some transformer ->
            let slot = Span<float32>(states, row * stateSize + transformer.LastActionAt, transformer.Actions)
            Encoding.encode policySpace actsAsEncoded (ReadOnlySpan policyAction) slot
        | None -> ()

    let load (model: PolicyModel) =
        if model.Parameters.Length < layout.Count then
            Guard.length "Parameters" layout.Count model.Parameters.Length

        match program, model.Plans with
        | ValueSome program, _ -> ReadOnlySpan(model.Parameters, 0, layout.Count).CopyTo program.Theta
        | ValueNone, Some plans -> players <- Array.init rows (fun _ -> plans.Invoke model.Parameters)
        | ValueNone, None -> Guard.fail (nameof model) "The model has no plans, and its predecessor had."

        statistics <- model.Observations

    do load model

    /// Refuses numbers that are no policy or no action: of finite parameters too, where they are so large that their
    /// sums are not finite.
    let requireFinite (what: string) (values: ReadOnlySpan<float32>) =
        let bad = Guard.indexOfNonFinite values

        if bad >= 0 then
            invalidOp (
                $"The policy's {what} {bad} is {values[bad]} for this observation: its parameters are too large "
                + "to act with. Use an earlier checkpoint."
            )

    let require (observations: ReadOnlySpan<float32>) (masks: ReadOnlySpan<bool>) (actions: Span<float32>) =
        if observations.Length <> rows * observationSize then
            Guard.fail
                nameOfObservations
                ($"{nameOfObservations} has {observations.Length} elements; it must have {rows * observationSize}, "
                 + $"those of {rows} from {observationSpace}.")

        if not masks.IsEmpty then Guard.length nameOfMasks (rows * choices) masks.Length

        Guard.length nameOfActions (rows * actionSize) actions.Length
        let bad = Guard.indexOfNonFinite observations

        if bad >= 0 then
            Guard.fail
                nameOfObservations
                ($"Component {bad % observationSize} of observation {bad / observationSize} is "
                 + $"{observations[bad]}; observations must be finite.")

    let run (program: ActingProgram) (observations: ReadOnlySpan<float32>) =
        Encoding.encode observationSpace isIdentity observations (Span encoded)
        Encoding.normalise statistics Encoding.Limit (ReadOnlySpan encoded) program.Observations

        if stateSize > 0 then ReadOnlySpan(states).CopyTo program.State

        program.Run()

        for row in 0 .. rows - 1 do
            requireFinite "output" (program.PolicyOf(row, ReadOnlySpan.Empty))

        if stateSize > 0 then program.NextState.CopyTo(Span states)

    /// Lets each row's player act, on several threads: what they draw is their own.
    let play (observations: ReadOnlySpan<float32>) (actions: Span<float32>) (keys: Span<Rng>) =
        let shown, moved = observations.ToArray(), keys.ToArray()
        let taken = Array.zeroCreate<float32>(rows * actionSize)

        Threading.Tasks.Parallel.For(
            0,
            rows,
            fun row ->
                moved[row] <-
                    players[row]
                        .Act(
                            ReadOnlySpan(shown, row * observationSize, observationSize),
                            ReadOnlySpan.Empty,
                            Span(taken, row * actionSize, actionSize),
                            moved[row]
                        )
        )
        |> ignore

        ReadOnlySpan(taken).CopyTo actions
        ReadOnlySpan(moved).CopyTo keys

    /// The mask of one row; empty if there are none.
    let maskOf (masks: ReadOnlySpan<bool>) row = if masks.IsEmpty then masks else masks.Slice(row * choices, choices)

    /// The number of observations at once.
    member _.Rows = rows
    /// Elements of one observation.
    member _.ObservationSize = observationSize
    /// Elements of one action.
    member _.ActionSize = actionSize
    /// Elements of one action mask; 0 for continuous actions.
    member _.Choices = choices

    /// Takes over the parameters and statistics of another model with the same network.
    member _.Update(model: PolicyModel) = load model

    /// A new episode begins in a row: a recurrent policy forgets what it has seen there.
    member _.Forget(row: int) : unit =
        Guard.inIntRange (nameof row) 0 (rows - 1) row
        Array.Clear(states, row * stateSize, stateSize)

        if plans then
            players[row].Begin()
            searchKeys[row] <- firstKey

    /// A new episode begins in every row.
    member this.Forget() : unit =
        for row in 0 .. rows - 1 do
            this.Forget row

    /// Whether it is asked for a return: then `Earn` tells it rewards.
    member _.AsksForReturn: bool = model.Network.Transformer.IsSome

    /// A new episode begins in a row, of which another return is asked than the one that the data said.
    member this.Forget(row: int, targetReturn: float) : unit =
        Guard.finite (nameof targetReturn) targetReturn

        match model.Network.Transformer, program with
        | Some transformer, ValueSome program ->
            this.Forget row
            let known = program.Theta[layout["returns/target"].Offset]
            states[row * stateSize + transformer.EarnedAt] <- known - float32 targetReturn
        | _ ->
            Guard.fail
                (nameof targetReturn)
                ($"targetReturn is {targetReturn}; the policy is not asked for returns, which decision-transformer "
                 + "alone is. Begin episodes without one.")

    /// The reward that followed the last action of a row. It counts for policies that are asked for a return.
    member _.Earn(row: int, reward: float) : unit =
        match model.Network.Transformer with
        | Some transformer ->
            Guard.inIntRange (nameof row) 0 (rows - 1) row
            Guard.finite (nameof reward) reward
            let place = row * stateSize + transformer.EarnedAt
            states[place] <- states[place] + float32 reward
        | None -> ()

    /// The most probable action of each observation among the choices that its mask allows: observations [rows,
    /// observationSize] and masks [rows, choices] (or none) to actions [rows, actionSize]. `ArgumentException` for a
    /// wrong length, NaN or infinity.
    member _.Predict(observations: ReadOnlySpan<float32>, masks: ReadOnlySpan<bool>, actions: Span<float32>) : unit =
        require observations masks actions

        match program with
        | ValueNone -> play observations actions (Span searchKeys)
        | ValueSome program ->
            run program observations

            for row in 0 .. rows - 1 do
                Policy.mode head (program.PolicyOf(row, maskOf masks row)) (Span policyAction)
                remember row
                let action = actions.Slice(row * actionSize, actionSize)
                Policy.toEnvironment actionMap actionSpace (ReadOnlySpan policyAction) action

    /// `Predict` with every choice possible.
    member this.Predict(observations: ReadOnlySpan<float32>, actions: Span<float32>) : unit =
        this.Predict(observations, ReadOnlySpan.Empty, actions)

    /// Draws an action for each observation among the choices that its mask allows, row i with keys[i], which moves on:
    /// observations [rows, observationSize] and masks [rows, choices] (or none) to actions [rows, actionSize].
    /// `ArgumentException` for a wrong length, NaN or infinity.
    member _.Sample
        (observations: ReadOnlySpan<float32>, masks: ReadOnlySpan<bool>, actions: Span<float32>, keys: Span<Rng>)
        : unit =
        Guard.length (nameof keys) rows keys.Length
        require observations masks actions

        match program with
        | ValueNone -> play observations actions keys
        | ValueSome program ->
            run program observations

            for row in 0 .. rows - 1 do
                let outputs = program.PolicyOf(row, maskOf masks row)
                let struct (_, key) = Policy.sample head outputs (program.DeviationOf row) (Span policyAction) keys[row]
                requireFinite "action" (ReadOnlySpan policyAction)
                remember row
                keys[row] <- key
                let action = actions.Slice(row * actionSize, actionSize)
                Policy.toEnvironment actionMap actionSpace (ReadOnlySpan policyAction) action

    /// `Sample` with every choice possible.
    member this.Sample(observations: ReadOnlySpan<float32>, actions: Span<float32>, keys: Span<Rng>) : unit =
        this.Sample(observations, ReadOnlySpan.Empty, actions, keys)
