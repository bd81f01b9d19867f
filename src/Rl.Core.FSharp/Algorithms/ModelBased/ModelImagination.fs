/// What an ensemble, a policy and some critics imagine beyond given states, compiled.
namespace Rl.Core.Algorithms

open System
open Rl.Core.Acting
open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Networks

/// ā = π̄(s), and q̄ₗ(s, ā) unless only actions are wanted, of `rows` normalised states, some for each of `lanes`. Not
/// thread-safe.
[<Sealed>]
type internal TargetJudge
    (actor: Actor, critic: ActionCritic, rows: int, observations: int, lanes: int, wantsValues: bool) =
    let program =
        let policy = Actor.layout actor
        let values = ActionCritic.layout critic
        let actorTheta, criticTheta = Expr.input "actor" [| policy.Count |], Expr.input "critics" [| values.Count |]
        let seen = Expr.input "observations" [| rows; observations |]
        let each = rows / lanes

        let parts =
            List.init lanes (fun index ->
                let own = Expr.slice 0 (index * each) ((index + 1) * each) seen |> Expr.lane index
                let action = Actor.policy actor (Parameters.create policy (Expr.lane index actorTheta)) own

                let values =
                    if wantsValues then
                        ActionCritic.values critic (Parameters.create values (Expr.lane index criticTheta)) own action
                    else
                        []

                action, values)

        Program.ofOutputs<float32>
            [
                "actions", parts |> List.map fst |> Expr.concat 0
                if wantsValues then
                    "values", parts |> List.map (snd >> Expr.stack 0) |> Expr.concat 1
            ]

    let states = program.InputMemory "observations"
    let actions = program.OutputMemory "actions"
    let values = if wantsValues then program.OutputMemory "values" else ReadOnlyMemory.Empty
    let actorTheta = program.InputMemory "actor"
    let criticTheta = if wantsValues then program.InputMemory "critics" else Memory.Empty

    /// The rows of a run.
    member _.Rows = rows

    /// Takes over the parameters of policy and critics.
    member _.Load(actor: ReadOnlySpan<float32>, critics: ReadOnlySpan<float32>) : unit =
        actor.CopyTo actorTheta.Span
        if wantsValues then critics.CopyTo criticTheta.Span

    /// Normalised states [rows, observations], to be written before a run.
    member _.States: Span<float32> = states.Span
    member _.Run(workers: Workers) : unit = program.Run workers
    /// Those of the last run, [rows, actions].
    member _.Actions: ReadOnlySpan<float32> = actions.Span
    /// Those of the last run, [L, rows].
    member _.Values: ReadOnlySpan<float32> = values.Span

/// The mean s′ of each of M members for rows of its own, its log-odds that s′ is terminal, and, where rewards are
/// learnt, all members' rewards of all rows. Not thread-safe.
[<Sealed>]
type internal EnsembleStep(network: ModelNetwork, observations: int, members: int, batch: int) =
    let inputs, numbers, rows = network.Layers.Inputs, network.Numbers, members * batch
    let own = ModelNetwork.layoutOfMember network
    let learnsReward = numbers > observations

    let program =
        let theta = Expr.input "theta" [| members * own.Count |]

        let seen, given =
            Expr.input "observations" [| rows; observations |], Expr.input "actions" [| rows; inputs - observations |]

        let frame name width = Expr.input name [| width |]
        let inputMean, inputScale = frame "inputMean" inputs, frame "inputScale" inputs
        let targetMean, targetScale = frame "targetMean" numbers, frame "targetScale" numbers
        let ofMember slot (x: Expr) = Expr.slice 0 (slot * batch) ((slot + 1) * batch) x

        let parts =
            List.init members (fun slot ->
                // A member's reward is asked for on the trajectories of all.
                let part (x: Expr) = (if learnsReward then x else ofMember slot x) |> Expr.lane slot
                let inner (x: Expr) = if learnsReward then ofMember slot x else x

                let parameters =
                    Expr.lane slot theta
                    |> Expr.slice 0 (slot * own.Count) ((slot + 1) * own.Count)
                    |> Parameters.create own

                let states = part seen

                let prediction =
                    Expr.concat 1 [ states; part given ]
                    |> ModelStepExpressions.normalise inputMean inputScale
                    |> ModelNetwork.predict network parameters

                let struct (next, reward) =
                    ModelStepExpressions.outcome states (prediction.Mean * targetScale + targetMean)

                inner next, reward, Option.map inner prediction.Termination)

        Program.ofOutputs<float32>
            [
                "next", parts |> List.map (fun (next, _, _) -> next) |> Expr.concat 0
                if learnsReward then
                    "rewards", parts |> List.map (fun (_, reward, _) -> Option.get reward) |> Expr.stack 0
                if network.PredictsTermination then
                    "terminations", parts |> List.map (fun (_, _, logit) -> Option.get logit) |> Expr.concat 0
            ]

    let optional name isThere = if isThere then program.OutputMemory name else ReadOnlyMemory.Empty
    let states, actions = program.InputMemory "observations", program.InputMemory "actions"
    let next = program.OutputMemory "next"
    let rewards = optional "rewards" learnsReward
    let terminations = optional "terminations" network.PredictsTermination

    /// Takes a frame and the elites over; `parameters` gives those of a member.
    member _.Load(frame: ModelFrame, elites: int[], parameters: int -> ReadOnlyMemory<float32>) : unit =
        Guard.length (nameof elites) members elites.Length
        program.Set("inputMean", ReadOnlySpan frame.InputMean)
        program.Set("inputScale", ReadOnlySpan frame.InputScale)
        program.Set("targetMean", ReadOnlySpan frame.TargetMean)
        program.Set("targetScale", ReadOnlySpan frame.TargetScale)
        let theta = program.Input "theta"

        for slot in 0 .. members - 1 do
            (parameters elites[slot]).Span.CopyTo(theta.Slice(slot * own.Count, own.Count))

    /// s [rows, observations], to be written before a run.
    member _.States: Span<float32> = states.Span
    /// a [rows, actions], to be written before a run.
    member _.Actions: Span<float32> = actions.Span
    member _.Run(workers: Workers) : unit = program.Run workers
    /// s′ [rows, observations].
    member _.Next: ReadOnlySpan<float32> = next.Span
    /// [M, rows]; empty where rewards are not learnt.
    member _.Rewards: ReadOnlySpan<float32> = rewards.Span
    /// [rows]; empty where terminations are not learnt.
    member _.Terminations: ReadOnlySpan<float32> = terminations.Span

/// Imagination by the elites of an ensemble, a target policy and target critics, with rewards and terminations as they
/// are known, else as members have them. Members move by their means, without noise. Not thread-safe.
[<Sealed>]
type internal ModelImagination
    (
        network: ModelNetwork,
        actor: Actor,
        critic: ActionCritic,
        actionSpace: Space,
        known: KnownTask,
        elites: int,
        batch: int,
        observations: int,
        weighting: HorizonWeighting,
        workers: Workers
    ) =
    let actions, rows = network.Layers.Inputs - observations, elites * batch
    let step = EnsembleStep(network, observations, elites, batch)
    let judge rows lanes wantsValues = TargetJudge(actor, critic, rows, observations, lanes, wantsValues)
    let first, later = judge batch 1 true, judge rows elites true

    // On the way to the longest horizon nobody asks for values.
    let between = if weighting.IsLongest then judge rows elites false else later

    let inEnvironment = Array.zeroCreate<float32> actionSpace.Size
    let mutable statistics = RunningStatistics.create 0

    /// How many of each thing there are.
    member _.Sizes: ExpansionSizes =
        {
            Batch = batch
            Members = elites
            Rewards = if known.Reward.IsSome then 1 else elites
            Critics = critic.Count
            Observations = observations
            Actions = actions
        }

    /// Takes over the model.
    member _.LoadModel(frame: ModelFrame, members: int[], parameters: int -> ReadOnlyMemory<float32>) : unit =
        step.Load(frame, members, parameters)

    /// Takes over the target networks, and the statistics that they see observations in, if any.
    member _.LoadTargets
        (policy: ReadOnlySpan<float32>, critics: ReadOnlySpan<float32>, seen: RunningStatistics)
        : unit =
        statistics <- seen
        first.Load(policy, critics)
        later.Load(policy, critics)
        if weighting.IsLongest then between.Load(policy, critics)

    interface IImagination with
        member _.Judge(states, actions, values) =
            let own =
                if states.Length = batch * observations then first
                elif values.IsEmpty then between
                else later

            Encoding.normalise statistics Encoding.Limit states own.States
            own.Run workers
            own.Actions.CopyTo actions
            if not values.IsEmpty then own.Values.CopyTo values

        member _.Step(states, given, next, rewards, ends) =
            states.CopyTo step.States
            given.CopyTo step.Actions
            step.Run workers
            step.Next.CopyTo next
            let learntEnds = step.Terminations

            match known.Reward with
            | None -> step.Rewards.CopyTo rewards
            | Some reward ->
                for row in 0 .. rows - 1 do
                    let action = given.Slice(row * actions, actions)
                    Policy.toEnvironment actor.Actions actionSpace action (Span inEnvironment)

                    rewards[row] <-
                        float32 (
                            reward.Invoke(
                                states.Slice(row * observations, observations),
                                ReadOnlySpan inEnvironment,
                                Span.op_Implicit (next.Slice(row * observations, observations))
                            )
                        )

            match known.Terminated with
            | Some terminated ->
                for row in 0 .. rows - 1 do
                    let isOver = terminated.Invoke(Span.op_Implicit (next.Slice(row * observations, observations)))
                    ends[row] <- if isOver then 1.0f else 0.0f
            | None when learntEnds.IsEmpty -> ends.Clear()
            | None ->
                for row in 0 .. rows - 1 do
                    ends[row] <- float32 (1.0 / (1.0 + Math.Exp(-float learntEnds[row])))
