/// Stream Q(λ): Watkins's Q(λ) with deep networks, from each step when it is taken, without replay and target network.
namespace Rl.Core.Algorithms

open Rl.Core.Acting
open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Objectives

/// Options of Stream Q(λ) (Elsayed, Vasan and Mahmood 2024).
type StreamQOptions =
    {
        Plan: PlanOptions
        Stream: StreamOptions
        Network: NetworkOptions
        Rate: RateOptions
        /// κ: an update is as many times smaller than the largest one that would not overshoot.
        OvershootingFactor: float
        Exploration: EpsilonGreedyOptions
        /// Layers for observations that are images: those of DQN for Atari for 36 pixels and more, else those of
        /// MinAtar; or layers of your own, or none.
        Convolutions: Convolutions
    }

/// Defaults, rows, checks and texts.
[<RequireQualifiedAccess>]
module StreamQOptions =

    /// The authors' for CartPole, with layers of 64 instead of 32, and rectifiers that are not leaky.
    let defaults: StreamQOptions =
        {
            Plan = { TotalSteps = 500_000L }
            Stream = StreamOptions.defaults
            Network =
                { NetworkOptions.defaults [ 64; 64 ] with
                    NormaliseObservations = true
                    Activation = Activation.Relu
                }
            Rate = { LearningRate = RateSchedule.Constant 1.0 }
            OvershootingFactor = 2.0
            Exploration = { ExplorationRate = RateSchedule.Linear(1.0, 0.01, 0.05) }
            Convolutions = Convolutions.Automatic
        }

    /// A row an option, in the order of files.
    let rows: OptionRow<StreamQOptions> list =
        let d = defaults
        let plan rows = Options.group (fun (c: StreamQOptions) -> c.Plan) (fun v c -> { c with Plan = v }) rows
        let stream rows = Options.group (fun (c: StreamQOptions) -> c.Stream) (fun v c -> { c with Stream = v }) rows
        let network rows = Options.group (fun (c: StreamQOptions) -> c.Network) (fun v c -> { c with Network = v }) rows
        let rate rows = Options.group (fun (c: StreamQOptions) -> c.Rate) (fun v c -> { c with Rate = v }) rows

        let exploration rows =
            Options.group (fun (c: StreamQOptions) -> c.Exploration) (fun v c -> { c with Exploration = v }) rows

        [
            yield! plan PlanOptions.rows
            yield!
                rate RateOptions.rows
                |> Options.meaning (nameof d.Rate.LearningRate) "The largest step size α, before it is bounded."
            Options.number (nameof d.OvershootingFactor) Range.positive _.OvershootingFactor (fun v c ->
                { c with OvershootingFactor = v })
            yield! stream StreamOptions.credit
            yield! exploration EpsilonGreedyOptions.rows
            yield! network NetworkOptions.normaliseObservations
            yield! stream StreamOptions.scales
            yield!
                network (NetworkOptions.ofOne "of the values of actions" NetworkOptions.freeLayers)
                |> Options.meaning (nameof d.Network.Hidden) "Widths of the hidden layers of the action values."
            yield! stream StreamOptions.layers
            Options.convolutions (nameof d.Convolutions) _.Convolutions (fun v c -> { c with Convolutions = v })
            yield! stream StreamOptions.rounds
        ]

    /// Fails for the first option that is out of its range, naming it.
    let validate (c: StreamQOptions) : unit = NetworkOptions.validate rows defaults c

    /// The options as named texts.
    let toPairs (options: StreamQOptions) : (string * string) list = Options.toPairs rows options

    /// The defaults with the named options replaced; names are matched whatever their case.
    let ofPairs (pairs: (string * string) list) : StreamQOptions = Options.ofPairs rows pairs defaults

/// Stream Q(λ) (Elsayed, Vasan and Mahmood, "Streaming deep reinforcement learning finally works", 2024): at each step
///
///   δ = r + γ [not terminated] maxₐ Q(s′, a) − Q(s, a),   z ← γλ z + ∇Q(s, a),   θ ← ObGD(δ, z).
[<RequireQualifiedAccess>]
module StreamQ =

    let private group = "network"

    /// The network of action values, which acts greedily.
    let network (c: StreamQOptions) (observations: Space) (actions: Space) : Actor =
        match actions with
        | Space.Discrete(count, _) ->
            let distribution = GreedyPolicy.create count

            let own = NetworkDesign.only c.Network.Network
            let activation, hidden = c.Network.Activation, c.Network.Hidden

            let actor =
                PolicyNetwork.valuesOf own c.Convolutions activation hidden observations distribution
                |> if c.Stream.LayerNormalisation then PolicyNetwork.normalised else id

            { actor with Layers = StreamOptions.apply c.Stream actor.Layers }
        | _ ->
            Guard.fail
                "environment"
                ("stream-q compares the values of a few actions, so it needs a Discrete action space; the actions are "
                 + $"{actions}. stream-ac, ppo, a2c, trpo and cem take any action space.")

    /// What is traced, Q(s, a), and the error δ that it is moved by: 0 where an episode was cut and nobody knows what
    /// was possible.
    let private loss (c: StreamQOptions) (network: Actor) (columns: StreamColumns) (batch: Batch) =
        let steps = columns.Transitions
        let values = Actor.policy network (batch.Parameters group)
        let q = values batch[steps.Observations]
        let actions = Expr.squeeze -1 batch[steps.Actions]
        let next = values batch[steps.NextObservations] |> ValueNetwork.possible columns.NextMasks batch

        let error =
            ValueLearning.qLearning q actions batch[steps.Rewards] (c.Stream.Discount * batch[steps.Continues]) next

        let known =
            match columns.NextMasks with
            | Some mask -> Expr.maxOver [| -1 |] batch[mask] * error
            | None -> error

        [ Term.sum "actionValue" 1.0 (ValueLearning.chosen actions q); Streaming.errorTerm known ]

    /// A copy's update from one step.
    let plan (c: StreamQOptions) (network: Actor) (columns: StreamColumns) (copy: int) : UpdatePlan =
        let part = { First = 0; Layout = Actor.layout network }
        Streaming.plan "value step" [ Streaming.group group part c.OvershootingFactor copy ] (loss c network columns)

    let private bind (c: StreamQOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        let network = network c environment.ObservationSpace environment.ActionSpace
        // Whether a copy's last action was not the best.
        let explored = Array.zeroCreate<bool> environment.Count

        let explorer (steps: unit -> int64) =
            ChooseAction(fun _ copy outputs _ possible action rng ->
                let rate = EpsilonGreedyOptions.after c.Plan (steps ()) c.Exploration
                let rng = EpsilonGreedyActions.choose rate network.Distribution outputs possible action rng
                let taken = action[0]
                Policy.mode network.Distribution outputs action
                explored[copy] <- action[0] <> taken
                action[0] <- taken
                rng)
            |> Explorer.Choose

        Streaming.learner
            {
                Algorithm = "stream-q"
                Options = StreamQOptions.toPairs c
                Plan = c.Plan
                Stream = c.Stream
                Rate = c.Rate
                NormaliseObservations = c.Network.NormaliseObservations
                Actor = network
                Layout = Actor.layout network
                Groups = [ group ]
                Explorer = explorer
                Explored = fun copy -> explored[copy]
                Update = plan c network
                Terms = [ "actionValue" ]
                Rates = []
                Metrics =
                    fun steps -> [| struct ("explorationRate", EpsilonGreedyOptions.after c.Plan steps c.Exploration) |]
            }
            environment
            workers

    /// Binds options to environments. `workers` share the work; the results do not depend on their number.
    let create (options: StreamQOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        StreamQOptions.validate options
        bind options environment workers

    /// What there is to know of it.
    let entry =
        AlgorithmEntry.create
            {
                Id = "stream-q"
                Name = "Stream Q(λ)"
                Summary = "Action values with traces, moved by each step as it comes (Elsayed et al. 2024)."
                Source = "Elsayed et al., \"Streaming deep reinforcement learning finally works\" (2024)"
                Family = AlgorithmFamily.OnPolicy
            }
            StreamQOptions.defaults
            StreamQOptions.rows
            [ "RoundSteps", "48"; "Hidden", "16" ]
            StreamQOptions.validate
            create
        |> AlgorithmEntry.withActions _.IsDiscrete
        |> AlgorithmEntry.withParameters StreamQOptions.ofPairs (fun c observations actions ->
            (Actor.layout (network c observations actions)).Count)
