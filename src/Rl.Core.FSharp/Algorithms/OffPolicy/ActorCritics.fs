/// What actor-critics from replayed steps share: actions within bounds, targets beside θ, drawn noise.
namespace Rl.Core.Algorithms

open Rl.Core.Acting
open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Optimisers

/// Small functions of off-policy actor-critics.
[<RequireQualifiedAccess>]
module ActorCritics =

    /// Whether all numbers of an action have two finite bounds, so that (−1, 1) can be mapped to them.
    let suits (actions: Space) : bool =
        match actions with
        | Space.Box(low, high, _) ->
            Array.forall2 (fun l h -> abs l < ActionMap.Boundless && abs h < ActionMap.Boundless && l < h) low high
        | _ -> false

    /// The numbers of an action; fails where `suits` does not hold.
    let actionCount (algorithm: string) (actions: Space) : int =
        if suits actions then
            actions.Size
        else
            Guard.fail
                "environment"
                ($"{algorithm} needs a Box action space whose bounds are all finite; the actions are {actions}. "
                 + "ppo, a2c, trpo and cem take any action space.")

    /// An actor with hidden layers of PyTorch's start, or layers of a user's own, in units of the bounds; `last` stands
    /// after its outputs. Images go through convolutions.
    let actor (c: NetworkOptions) convolutions (observations: Space) (actions: Space) (last: Activation) distribution =
        let own = NetworkDesign.actor c.Network
        let actor = PolicyNetwork.valuesOf own convolutions c.Activation c.Hidden observations distribution

        { actor with
            Layers =
                { actor.Layers with
                    HiddenWeight = ActionCritic.startOfWeights
                    OutputWeight = ActionCritic.startOfWeights
                    OutputActivation = last
                }
        }
        |> Policy.scaledActor ActionScaling.Bounds actions

    /// `count` critics of observations and of so many numbers of actions, of layers of a user's own or of hidden ones
    /// after convolutions of images.
    let critics (c: NetworkOptions) convolutions (observations: Space) (actions: int) (count: int) : ActionCritic =
        match NetworkDesign.critic c.Network with
        | Some path ->
            let graph = DesignedGraph.critic ActionCritic.startOfWeights observations actions path
            ActionCritic.ofGraph graph count
        | None ->
            ActionCritic.create c.Activation (Encoding.size observations) actions c.Hidden count
            |> ActionCritic.withEncoder (PolicyNetwork.encoder convolutions observations)

    /// The rows of the actor's rate.
    let internal rateRows: OptionRow<RateOptions> list =
        let d = Unchecked.defaultof<RateOptions>

        RateOptions.rows |> Options.meaning (nameof d.LearningRate) "Adam's step size α for the actor."

    /// What an update calls the errors that priorities follow.
    [<Literal>]
    let Errors = "errors"

    /// The mean over critics of |q(s, a) − y| [M].
    let errors (values: Expr list) (target: Expr) : Expr =
        (values |> List.map (fun q -> Expr.abs (q - target)) |> List.reduce (+))
        * (1.0 / float values.Length)

    /// An optimiser with PyTorch's constants, which moves the networks that name it.
    let learnsBy (optimiser: OptimiserOptions) (network: NetworkOptions) (name: string) (rate: Rate) : GroupMotion =
        let transform = OptimiserOptions.transform (Rate.stepSize rate) 1e-8 optimiser
        GroupMotion.Learns(name, NetworkOptions.constrain network transform)

    let private adam (gradientDecay: float) (rate: Rate) : Transform =
        Optimiser.adamWith (Rate.stepSize rate) gradientDecay 0.999 1e-8 0.0 false

    /// Adam with this β₁ and PyTorch's other constants, which moves the networks that name it.
    let learnsWith (gradientDecay: float) (network: NetworkOptions) (name: string) (rate: Rate) : GroupMotion =
        GroupMotion.Learns(name, NetworkOptions.constrain network (adam gradientDecay rate))

    /// Adam with PyTorch's constants, which moves numbers beside networks that name it.
    let learns (name: string) (rate: Rate) : GroupMotion = GroupMotion.Learns(name, adam 0.9 rate)

    /// Copies a group's numbers from the update that has moved them to another that reads them.
    let pass (group: string) (from: Update) (into: Update) : unit =
        (from.Group group).Span.CopyTo((into.Group group).Span)

    /// The arrays of several updates, of which some are in more than one.
    let arrays (updates: Update list) : (string * float32[]) list =
        updates |> List.collect _.Arrays |> List.distinctBy fst
