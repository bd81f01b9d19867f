/// What acts: layers from observations to the outputs of a distribution over actions. Critics are other networks, and
/// no part of it.
namespace Rl.Core.Acting

open Rl.Core.Foundations
open Rl.Core.Autodiff
open Rl.Core.Networks

/// All that acting needs besides parameters. An actor's parameters are the first of the θ that a learner moves, in the
/// order of `Actor.layout`, whatever follows them.
type Actor =
    {
        /// What comes before the own layers; a critic may share it.
        Features: Features
        /// Of implicit quantile networks: by what the features are multiplied at each level of quantiles before the own
        /// layers, whose last hidden one the actor takes the mean of over levels. So its outputs are means of
        /// quantiles.
        Quantiles: QuantileEmbedding option
        /// Of these, those that propose their levels themselves: fractions of [0, 1] that follow from the features, in
        /// whose middles the levels are, and whose sizes weigh the mean.
        Fractions: FractionProposal option
        /// Of policies that are asked for a return: what looks back upon the episode, in place of features. Then layers
        /// follow its features, and θ holds which return to ask for.
        Transformer: EpisodeTransformer option
        /// Of policies that choose among actions such as the data has: the networks that propose and judge them, in
        /// place of features and layers.
        Candidates: ActionCandidates option
        Layers: Mlp
        Distribution: ActionDistribution
        /// From the policy's actions to the environment's, before they are clipped to their space.
        Actions: ActionMap
    }

    /// The length of what a copy remembers: of the state of a recurrent layer, or of a transformer's last steps; 0
    /// without either.
    member this.StateSize =
        match this.Transformer with
        | Some transformer -> transformer.StateSize
        | None -> this.Features.StateSize

/// Layouts and outputs of actors. The blocks lie under "encoder", "trunk", "memory", "quantiles", "transformer",
/// "actor", "fractions" and "returns"; or, of policies that choose among candidates, under the names of these.
[<RequireQualifiedAccess>]
module Actor =

    /// The gain of a policy's last layer: the first policy is nearly uniform, whatever it observes.
    let policyGain = 0.01

    /// An actor on observations alone: gain √2 in hidden layers, 0.01 in the last.
    let create (activation: Activation) (inputs: int) (hidden: int list) (distribution: ActionDistribution) : Actor =
        let layers = Mlp.create policyGain inputs hidden distribution.Outputs

        {
            Features = Features.none
            Quantiles = None
            Fractions = None
            Transformer = None
            Candidates = None
            Layers = { layers with Activation = activation }
            Distribution = distribution
            Actions = ActionMap.identity
        }

    /// What an algorithm has that plans and asks no network: no outputs, so no parameters; actions are the
    /// environment's own.
    let planned (inputs: int) (actions: int) : Actor =
        create Activation.Identity inputs [] (PlannedPolicy.create actions)

    /// The number of inputs.
    let inputs (actor: Actor) =
        match actor.Transformer, actor.Candidates with
        | Some transformer, _ -> transformer.Observations
        | None, Some candidates -> ActionCandidates.inputs candidates
        | None, None -> Features.inputs actor.Layers.Inputs actor.Features

    /// The parameters: encoder, trunk, memory, quantiles, transformer, actor (with the distribution's own), fractions,
    /// returns. None of an actor without outputs.
    let layout (actor: Actor) : Layout =
        match actor.Candidates with
        | Some candidates -> ActionCandidates.layout candidates
        | None when actor.Layers.Outputs = 0 -> Layout.empty
        | None ->
            let own = Layout.append (Mlp.layout actor.Layers) actor.Distribution.Parameters

            Layout.merge
                [
                    yield! Features.layouts actor.Features
                    match actor.Quantiles with
                    | Some embedding -> "quantiles", QuantileEmbedding.layout embedding
                    | None -> ()
                    match actor.Transformer with
                    | Some transformer -> "transformer", EpisodeTransformer.layout transformer
                    | None -> ()
                    "actor", own
                    match actor.Fractions with
                    | Some proposal -> "fractions", FractionProposal.layout proposal
                    | None -> ()
                    if actor.Transformer.IsSome then "returns", EpisodeTransformer.returns
                ]

    /// The last hidden layer at levels τ [..., K] of quantiles, or [K] for all: [..., K, width].
    let private hiddenAt (actor: Actor) embedding (parameters: Parameters) (levels: Expr) (features: Expr) : Expr =
        features
        |> QuantileEmbedding.apply embedding (Parameters.at "quantiles" parameters) levels
        |> Mlp.hidden actor.Layers (Parameters.at "actor" parameters)

    /// The fractions of features, which these do not learn from.
    let private fractionsOf (proposal: FractionProposal) (parameters: Parameters) (features: Expr) : Fractions =
        FractionProposal.apply proposal (Parameters.at "fractions" parameters) (Expr.stopGradient features)

    /// The last hidden layer; of a network of quantiles its mean over levels.
    let private hidden (actor: Actor) (parameters: Parameters) (features: Expr) : Expr =
        match actor.Quantiles, actor.Fractions with
        | Some embedding, Some proposal ->
            let fractions = fractionsOf proposal parameters features
            let hidden = hiddenAt actor embedding parameters fractions.Middles features
            Expr.sumOver [| -2 |] (Expr.expandAxis -1 fractions.Sizes * hidden)
        | Some embedding, None ->
            hiddenAt actor embedding parameters (QuantileEmbedding.midpoints embedding.Levels) features
            |> Expr.meanOver [| -2 |]
        | None, _ -> Mlp.hidden actor.Layers (Parameters.at "actor" parameters) features

    /// The outputs on features, beside a value.
    let internal onFeatures (actor: Actor) (parameters: Parameters) (features: Expr) (value: Expr) : ActorOutput =
        let own = Parameters.at "actor" parameters
        let hidden = hidden actor parameters features
        let struct (deviation, spread) = actor.Distribution.Spread own hidden

        {
            Policy = Mlp.output actor.Layers own hidden
            LogStandardDeviation = deviation
            Features = spread
            Value = value
        }

    /// The outputs for observations [..., inputs]. For actors without a recurrent layer.
    let apply (actor: Actor) (parameters: Parameters) (observations: Expr) : ActorOutput =
        match actor.Candidates with
        | Some candidates ->
            {
                Policy = ActionCandidates.apply candidates parameters observations
                LogStandardDeviation = None
                Features = None
                Value = Expr.number 0.0
            }
        | None -> onFeatures actor parameters (Features.apply actor.Features parameters observations) (Expr.number 0.0)

    /// The outputs for observations [rows, inputs] in training, where layers are normalised over batches, and what
    /// normalisations carry then: the numbers of `Mlp.statistics`.
    let train (actor: Actor) (parameters: Parameters) (observations: Expr) : struct (ActorOutput * Expr option) =
        let own = Parameters.at "actor" parameters
        let features = Features.apply actor.Features parameters observations
        let trained = Mlp.train (fun _ y -> y) actor.Layers own features
        let struct (deviation, spread) = actor.Distribution.Spread own trained.Hidden

        struct ({
                    Policy = trained.Output
                    LogStandardDeviation = deviation
                    Features = spread
                    Value = Expr.number 0.0
                },
                trained.Statistics)

    /// The outputs alone: observations [..., inputs] to [..., outputs of the distribution].
    let policy (actor: Actor) (parameters: Parameters) (observations: Expr) : Expr =
        (apply actor parameters observations).Policy

    /// The outputs of a network of quantiles at levels τ [..., K]: observations [..., inputs] to [..., K, outputs].
    let atLevels (actor: Actor) (parameters: Parameters) (levels: Expr) (observations: Expr) : Expr =
        match actor.Quantiles with
        | Some embedding ->
            Features.apply actor.Features parameters observations
            |> hiddenAt actor embedding parameters levels
            |> Mlp.output actor.Layers (Parameters.at "actor" parameters)
        | None -> Guard.fail (nameof actor) "The network has no quantiles; use `policy`."

    /// The fractions that a network proposes for observations [..., inputs]; their derivatives are in the proposal's
    /// parameters alone.
    let fractions (actor: Actor) (parameters: Parameters) (observations: Expr) : Fractions =
        match actor.Fractions with
        | Some proposal -> Features.apply actor.Features parameters observations |> fractionsOf proposal parameters
        | None -> Guard.fail (nameof actor) "The network proposes no fractions."

    /// One step of an actor that remembers: observations [rows, inputs] and states [rows, StateSize] to struct (output,
    /// new states).
    let step (actor: Actor) (parameters: Parameters) (observations: Expr) (state: Expr) : struct (ActorOutput * Expr) =
        let struct (features, next) =
            match actor.Transformer with
            | Some transformer ->
                let own, returns = Parameters.at "transformer" parameters, Parameters.at "returns" parameters
                EpisodeTransformer.step transformer own returns observations state
            | None -> Features.step actor.Features parameters observations state

        struct (onFeatures actor parameters features (Expr.number 0.0), next)

    /// Sequences of a recurrent actor: observations [time, rows, inputs], keep [time, rows] (0 where an episode starts,
    /// else 1) and the states [rows, StateSize] before the first step to those after each step [time, rows, StateSize].
    let remember (actor: Actor) (parameters: Parameters) (keep: Expr) (observations: Expr) (state: Expr) : Expr =
        Features.remember actor.Features parameters keep observations state

    /// The outputs of a recurrent actor whose states [..., StateSize] have taken the observations in: [..., outputs].
    let ofStates (actor: Actor) (parameters: Parameters) (states: Expr) : Expr =
        (onFeatures actor parameters (Features.ofStates actor.Features states) (Expr.number 0.0)).Policy
