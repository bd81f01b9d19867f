/// Stream AC(λ): an actor and a critic with traces, from each step when it is taken, without replay and rollouts.
namespace Rl.Core.Algorithms

open Rl.Core.Acting
open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Objectives

/// Options of Stream AC(λ) (Elsayed, Vasan and Mahmood 2024).
type StreamAcOptions =
    {
        Plan: PlanOptions
        Stream: StreamOptions
        Network: NetworkOptions
        Exploration: ExplorationOptions
        Rate: RateOptions
        /// κ of the policy: an update is as many times smaller than the largest one that would not overshoot.
        PolicyOvershootingFactor: float
        /// κ of the value function.
        ValueOvershootingFactor: float
        /// The weight of the entropy bonus.
        EntropyCoefficient: RateSchedule
    }

/// Defaults, rows, checks and texts.
[<RequireQualifiedAccess>]
module StreamAcOptions =

    /// The authors', with rectifiers that are not leaky, and deviations of continuous actions that do not depend on the
    /// state.
    let defaults: StreamAcOptions =
        {
            Plan = { TotalSteps = 1_000_000L }
            Stream = StreamOptions.defaults
            Network =
                { NetworkOptions.defaults [ 128; 128 ] with
                    NormaliseObservations = true
                    Activation = Activation.Relu
                }
            Exploration = { InitialLogStandardDeviation = 0.0 }
            Rate = { LearningRate = RateSchedule.Constant 1.0 }
            PolicyOvershootingFactor = 3.0
            ValueOvershootingFactor = 2.0
            EntropyCoefficient = RateSchedule.Constant 0.01
        }

    /// A row an option, in the order of files.
    let rows: OptionRow<StreamAcOptions> list =
        let d = defaults
        let plan rows = Options.group (fun (c: StreamAcOptions) -> c.Plan) (fun v c -> { c with Plan = v }) rows
        let stream rows = Options.group (fun (c: StreamAcOptions) -> c.Stream) (fun v c -> { c with Stream = v }) rows

        let network rows =
            Options.group (fun (c: StreamAcOptions) -> c.Network) (fun v c -> { c with Network = v }) rows

        let exploration rows =
            Options.group (fun (c: StreamAcOptions) -> c.Exploration) (fun v c -> { c with Exploration = v }) rows

        let rate rows = Options.group (fun (c: StreamAcOptions) -> c.Rate) (fun v c -> { c with Rate = v }) rows

        [
            yield! plan PlanOptions.rows
            yield!
                rate RateOptions.rows
                |> Options.meaning (nameof d.Rate.LearningRate) "The largest step size α, before it is bounded."
            Options.number (nameof d.PolicyOvershootingFactor) Range.positive _.PolicyOvershootingFactor (fun v c ->
                { c with PolicyOvershootingFactor = v })
            Options.number (nameof d.ValueOvershootingFactor) Range.positive _.ValueOvershootingFactor (fun v c ->
                { c with ValueOvershootingFactor = v })
            yield! stream StreamOptions.credit
            Options.schedule (nameof d.EntropyCoefficient) Range.notNegative _.EntropyCoefficient (fun v c ->
                { c with EntropyCoefficient = v })
            yield! network NetworkOptions.normaliseObservations
            yield! stream StreamOptions.scales
            yield! network (NetworkOptions.ofTwo NetworkOptions.freeLayers)
            yield! stream StreamOptions.layers
            yield! exploration ExplorationOptions.rows
            yield! network NetworkOptions.actionScaling
            yield! stream StreamOptions.rounds
        ]

    /// Fails for the first option that is out of its range, naming it.
    let validate (c: StreamAcOptions) : unit = NetworkOptions.validate rows defaults c

    /// The options as named texts.
    let toPairs (options: StreamAcOptions) : (string * string) list = Options.toPairs rows options

    /// The defaults with the named options replaced; names are matched whatever their case.
    let ofPairs (pairs: (string * string) list) : StreamAcOptions = Options.ofPairs rows pairs defaults

/// Stream AC(λ) (Elsayed, Vasan and Mahmood, "Streaming deep reinforcement learning finally works", 2024): at each step
///
///   δ = r + γ [not terminated] V(s′) − V(s),
///   z_v ← γλ z_v + ∇V(s),                          θ_v ← ObGD(δ, z_v),
///   z_π ← γλ z_π + ∇(ln π(a|s) + c sgn(δ) H(π(·|s))),   θ_π ← ObGD(δ, z_π);
///
/// the sign of δ makes the step of the present entropy go up, whichever way δ takes it.
[<RequireQualifiedAccess>]
module StreamAc =

    /// Actor and critic with hidden layers of the same widths.
    let network (c: StreamAcOptions) (observations: Space) (actions: Space) : ActorCritic =
        let network = OnPolicy.networkOf (OnPolicy.apart c.Network) c.Exploration observations actions

        {
            Actor = { network.Actor with Layers = StreamOptions.apply c.Stream network.Actor.Layers }
            Critic = StreamOptions.apply c.Stream network.Critic
        }

    let private entropyCoefficient (c: StreamAcOptions) = Rate.create (nameof c.EntropyCoefficient) c.EntropyCoefficient

    /// What is traced, V(s) and ln π(a|s) with its entropy, and the error δ that both are moved by.
    let private loss (c: StreamAcOptions) (network: ActorCritic) (columns: StreamColumns) (batch: Batch) =
        let steps = columns.Transitions
        let value = ActorCritic.value network (batch.Parameters "critic")
        let v = value batch[steps.Observations]
        let discounts = c.Stream.Discount * batch[steps.Continues]

        let error =
            ValueLearning.temporalDifference v batch[steps.Rewards] discounts (value batch[steps.NextObservations])

        let output = ActorCritic.actor network (batch.Parameters "actor") batch[steps.Observations]

        let output =
            match columns.Masks with
            | Some mask -> Policy.maskOutput network.Head batch[mask] output
            | None -> output

        let struct (logProbability, entropy) = Policy.evaluate network.Head output batch[steps.Actions]
        let push = Expr.stopGradient (Expr.sign error)

        [
            Term.sum "policyScore" 1.0 (logProbability + Rate.value batch (entropyCoefficient c) * push * entropy)
            Term.sum "value" 1.0 v
            Streaming.errorTerm error
            Term.report "entropy" entropy
        ]

    /// A copy's update from one step.
    let plan (c: StreamAcOptions) (network: ActorCritic) (columns: StreamColumns) (copy: int) : UpdatePlan =
        Streaming.plan
            "policy and value step"
            [
                Streaming.group "actor" (Part.actor network) c.PolicyOvershootingFactor copy
                Streaming.group "critic" (Part.critic network) c.ValueOvershootingFactor copy
            ]
            (loss c network columns)

    let private bind (c: StreamAcOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        let network = network c environment.ObservationSpace environment.ActionSpace

        Streaming.learner
            {
                Algorithm = "stream-ac"
                Options = StreamAcOptions.toPairs c
                Plan = c.Plan
                Stream = c.Stream
                Rate = c.Rate
                NormaliseObservations = c.Network.NormaliseObservations
                Actor = network.Actor
                Layout = ActorCritic.layout network
                Groups = [ "actor"; "critic" ]
                Explorer = fun _ -> Explorer.Sample 0
                Explored = fun _ -> false
                Update = plan c network
                Terms = [ "value"; "entropy" ]
                Rates = [ entropyCoefficient c ]
                Metrics = fun _ -> [||]
            }
            environment
            workers

    /// Binds options to environments. `workers` share the work; the results do not depend on their number.
    let create (options: StreamAcOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        StreamAcOptions.validate options
        bind options environment workers

    /// What there is to know of it.
    let entry =
        AlgorithmEntry.create
            {
                Id = "stream-ac"
                Name = "Stream AC(λ)"
                Summary = "Actor and critic with traces, moved by each step as it comes (Elsayed et al. 2024)."
                Source = "Elsayed et al., \"Streaming deep reinforcement learning finally works\" (2024)"
                Family = AlgorithmFamily.OnPolicy
            }
            StreamAcOptions.defaults
            StreamAcOptions.rows
            [ "RoundSteps", "48"; "Hidden", "16" ]
            StreamAcOptions.validate
            create
        |> AlgorithmEntry.withParameters StreamAcOptions.ofPairs (fun c observations actions ->
            (ActorCritic.layout (network c observations actions)).Count)
