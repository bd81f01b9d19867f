/// The one loop that acts: observe, ask the policy, act, step; what is made of it is the affair of a sink.
namespace Rl.Core.Experience

open System
open Rl.Core.Acting
open Rl.Core.Environments
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks

/// What becomes of the steps of a share. Steps are counted from 0.
type ISink =
    /// Whether the policy is to be asked for this step.
    abstract Asks: share: ActorShare * step: int -> bool
    /// The policy has been asked; `share.Values` are those of what is shown. Whether to act.
    abstract Before: share: ActorShare * step: int -> bool
    /// Whether a row's copy acts in the step.
    abstract Acts: row: int -> bool
    /// The copies have acted.
    abstract After: share: ActorShare * step: int -> unit
    /// Whether it wants to know of true last observations.
    abstract NeedsFinals: bool
    /// Where time limits cut episodes in the step: `share.Finals`, and `share.Values` of actors with values, are
    /// those of the true last observations in these rows.
    abstract Cut: share: ActorShare * step: int -> unit

/// Collecting.
[<RequireQualifiedAccess>]
module Collect =

    /// Lets a share act until its sink has enough.
    let run (share: ActorShare) (sink: ISink) : unit =
        let mutable step = 0

        let acts row = sink.Acts row

        let ask step =
            share.Evaluate step
            sink.Before(share, step)

        while sink.Asks(share, step) && ask step do
            share.Step(step, acts)
            sink.After(share, step)
            if sink.NeedsFinals && share.EvaluateFinals step then sink.Cut(share, step)
            share.Forget()
            step <- step + 1

/// An actor, with values of states if they are wanted, and all copies of an environment in shares, one for each thread
/// or one for each copy; the results do not depend on the number of shares: each copy has its own streams, and each row
/// of a network's output is computed in the same way. Not thread-safe.
[<Sealed>]
type Actors
    (
        actor: Actor,
        stateValues: StateValues,
        layout: Layout,
        environment: BatchEnvironment,
        explorer: Explorer,
        normalise: bool,
        shareCount: int,
        workers: Workers
    ) =
    do environment.RequireSameStep()
    let copies = environment.Count
    let space = environment.ObservationSpace
    let isIdentity = Encoding.isIdentity space
    let raw = Array.zeroCreate<float32>(copies * environment.ObservationSize)
    let encoded = Array.zeroCreate<float32>(copies * Encoding.size space)

    let shares =
        // Copies that depend on each other are stepped together.
        let count = if environment.IsCoupled then 1 else min shareCount copies

        Array.init count (fun share ->
            let first = share * copies / count
            let last = (share + 1) * copies / count
            ActorShare(actor, stateValues, layout, environment, explorer, first, last - first))

    let failures = Array.create<NonFiniteActing voption> shares.Length ValueNone

    /// Raises the earliest failure of the shares, whatever their number.
    let raiseFailure () =
        let mutable earliest = ValueNone

        for share in 0 .. shares.Length - 1 do
            match failures[share], earliest with
            | ValueSome failure, ValueSome(known: NonFiniteActing) when failure.Step < known.Step ->
                earliest <- ValueSome failure
            | ValueSome failure, ValueNone -> earliest <- ValueSome failure
            | _ -> ()

            failures[share] <- ValueNone

        match earliest with
        | ValueSome failure -> raise failure
        | ValueNone -> ()

    let mutable present: BatchSnapshot option = None
    let mutable users = 0L
    let mutable state: TrainingState voption = ValueNone
    let mutable keys: Rng[] = [||]
    let mutable recurrent: float32[] = [||]
    let mutable sinks: ISink[] = [||]

    let attempt index (work: ActorShare -> unit) =
        try
            work shares[index]
        with :? NonFiniteActing as failure ->
            failures[index] <- ValueSome failure

    let statistics () = if normalise then state.Value.Observations else RunningStatistics.create 0

    let beginShare index = shares[index].Begin(state.Value.Parameters, encoded, statistics (), keys, recurrent)

    let collectShare =
        Action<int>(fun index ->
            attempt index (fun share ->
                beginShare index
                Collect.run share sinks[index]
                share.End(keys, recurrent)))

    let continueShare = Action<int>(fun index -> attempt index (fun share -> Collect.run share sinks[index]))

    /// Takes over what acting starts from.
    let take (from: TrainingState) (into: ISink[]) =
        Guard.length (nameof into) shares.Length into.Length

        // The environments are usually still where they were left.
        match present with
        | Some snapshot when obj.ReferenceEquals(snapshot, from.Environments) && environment.Users = users -> ()
        | _ -> environment.Restore from.Environments

        present <- None
        state <- ValueSome from
        sinks <- into
        keys <- Array.copy from.ActionKeys

        recurrent <-
            if actor.StateSize > 0 then
                Array.copy (from.Array ArrayNames.RecurrentStates)
            else
                [||]

        environment.Observe(Span raw)
        Encoding.encode space isIdentity (ReadOnlySpan raw) (Span encoded)

    /// The state with what moved on.
    let give (from: TrainingState) : TrainingState =
        let snapshot = environment.Capture()
        present <- Some snapshot
        environment.Users <- environment.Users + 1L
        users <- environment.Users

        { from with
            ActionKeys = keys
            Environments = snapshot
            Arrays =
                if actor.StateSize > 0 then
                    NamedArrays.replace ArrayNames.RecurrentStates recurrent from.Arrays
                else
                    from.Arrays
        }

    /// An actor with values where there is a critic.
    new
        (
            actor: Actor,
            critic: Mlp option,
            layout: Layout,
            environment: BatchEnvironment,
            explorer: Explorer,
            normalise: bool,
            shareCount: int,
            workers: Workers
        ) =
        let values =
            match critic with
            | Some critic -> StateValues.Critic critic
            | None -> StateValues.None

        Actors(actor, values, layout, environment, explorer, normalise, shareCount, workers)

    /// The shares, in the order of their copies; a sink is wanted for each.
    member _.Shares = shares

    /// Lets all shares act from a state with its θ, each with its sink: the state with streams, recurrent states and
    /// environments as they are afterwards.
    member _.Collect(from: TrainingState, into: ISink[]) : TrainingState =
        take from into
        workers.Run(shares.Length, collectShare)
        raiseFailure ()
        give from

    /// Takes over what acting starts from; then `Continue` as often as you like, then `End`.
    member internal _.Begin(from: TrainingState, into: ISink[]) : unit =
        take from into

        for index in 0 .. shares.Length - 1 do
            beginShare index

    /// Lets all shares act until their sinks have enough, from where they are.
    member internal _.Continue() : unit =
        workers.Run(shares.Length, continueShare)
        raiseFailure ()

    /// θ, or the actor's part of it, that all shares act by from now on.
    member internal _.Follow(theta: ReadOnlySpan<float32>) : unit =
        for share in shares do
            theta.CopyTo share.Theta

    /// What observations are normalised by from now on.
    member internal _.Normalise(known: RunningStatistics) : unit =
        for share in shares do
            share.Normalise known

    /// The state with streams, recurrent states and environments as they are since `Begin` and what followed.
    member internal _.End(from: TrainingState) : TrainingState =
        for share in shares do
            share.End(keys, recurrent)

        give from
