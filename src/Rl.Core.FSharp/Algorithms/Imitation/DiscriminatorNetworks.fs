/// The networks that tell recorded behaviour from a policy's, and what they look at.
namespace Rl.Core.Algorithms

open System
open Rl.Core.Acting
open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Networks
open Rl.Core.Objectives

/// What a discriminator's log-odds are made of.
[<RequireQualifiedAccess>]
type internal DiscriminatorForm =
    /// l(x) of one network, and the reward that follows from it.
    | Plain of DiscriminatorReward
    /// AIRL's g(x) + γ h(s′) − h(s) − ln π(a|s) with the γ; they are the reward too.
    | Shaped of discount: float

/// The networks of a discriminator and the inputs of a step [M, n]: observations and actions, encoded.
[<NoEquality; NoComparison>]
type internal DiscriminatorNetworks =
    {
        Form: DiscriminatorForm
        Inputs: DiscriminatorInputs
        /// Of an encoded observation.
        Observed: int
        /// Of an encoded action.
        Acted: int
        /// l, or g.
        RewardNetwork: Mlp
        /// h, of a shaped form.
        PotentialNetwork: Mlp option
    }

    /// Numbers of x.
    member this.Width =
        match this.Inputs with
        | DiscriminatorInputs.StateAction -> this.Observed + this.Acted
        | DiscriminatorInputs.State -> this.Observed
        | DiscriminatorInputs.Transition -> 2 * this.Observed

    member this.Layout: Layout =
        Layout.merge
            [
                "reward", Mlp.layout this.RewardNetwork
                for potential in Option.toList this.PotentialNetwork do
                    "potential", Mlp.layout potential
            ]

[<RequireQualifiedAccess>]
module internal DiscriminatorNetworks =

    let create (form: DiscriminatorForm) (c: DiscriminatorOptions) (observations: Space) (actions: Space) =
        let network inputs = { Mlp.create 1.0 inputs c.DiscriminatorHidden 1 with Activation = Activation.Tanh }

        let networks =
            {
                Form = form
                Inputs = c.DiscriminatorInputs
                Observed = Encoding.size observations
                Acted = Encoding.size actions
                RewardNetwork = network 1
                PotentialNetwork = None
            }

        { networks with
            RewardNetwork = network networks.Width
            PotentialNetwork = if form.IsShaped then Some(network networks.Observed) else None
        }

    let private number (x: Expr) = Expr.squeeze -1 x

    /// x of observations [M, observed], actions [M, acted] and next observations.
    let inputs (networks: DiscriminatorNetworks) (observations: Expr) (actions: Expr) (next: Expr) : Expr =
        match networks.Inputs with
        | DiscriminatorInputs.StateAction -> Expr.concat -1 [ observations; actions ]
        | DiscriminatorInputs.State -> observations
        | DiscriminatorInputs.Transition -> Expr.concat -1 [ observations; next ]

    /// l or g [M] of x.
    let ofInputs (networks: DiscriminatorNetworks) (parameters: Parameters) (x: Expr) : Expr =
        Mlp.apply networks.RewardNetwork (Parameters.at "reward" parameters) x |> number

    /// The log-odds before ln π(a|s) is taken off, [M]: l(x), or g(x) + γ h(s′) − h(s), with `continues` 0 where s′ is
    /// terminal.
    let advantage
        networks
        (parameters: Parameters)
        (observations: Expr)
        (actions: Expr)
        (next: Expr)
        (continues: Expr)
        : Expr =
        let own = inputs networks observations actions next |> ofInputs networks parameters

        match networks.Form, networks.PotentialNetwork with
        | DiscriminatorForm.Shaped discount, Some potential ->
            let value x = Mlp.apply potential (Parameters.at "potential" parameters) x |> number
            Regression.airlReward own (discount * continues) (value observations) (value next)
        | _ -> own

    /// What the policy is paid [M]; of a shaped form before ln π(a|s) is taken off.
    let reward networks parameters observations actions next continues : Expr =
        let logits = advantage networks parameters observations actions next continues

        match networks.Form with
        | DiscriminatorForm.Plain kind -> Discriminators.reward kind logits
        | DiscriminatorForm.Shaped _ -> logits

/// Observations and actions of steps as a discriminator sees them: encoded, and observations normalised by the
/// recording's statistics, which stay.
[<Sealed>]
type internal DiscriminatorView(environment: BatchEnvironment, map: ActionMap, rows: int) =
    let space = environment.ActionSpace
    let isIdentity = Encoding.isIdentity space
    let size, width = environment.ActionSize, Encoding.size space
    let observed = Encoding.size environment.ObservationSpace
    let environmentActions = Array.zeroCreate<float32>(rows * size)
    let observations = Array.zeroCreate<float32>(rows * observed)
    let nextObservations = Array.zeroCreate<float32>(rows * observed)
    let actions = Array.zeroCreate<float32>(rows * width)

    /// [rows, observed]
    member _.Observations = observations
    /// [rows, acted]
    member _.Actions = actions
    /// [rows, observed]
    member _.NextObservations = nextObservations

    /// Takes encoded observations, a policy's actions and encoded next observations of all rows in.
    member _.Fill(statistics: RunningStatistics, shown: float32[], policyActions: float32[], next: float32[]) : unit =
        let count = rows * observed
        Encoding.normalise statistics Encoding.Limit (ReadOnlySpan(shown, 0, count)) (Span observations)
        Encoding.normalise statistics Encoding.Limit (ReadOnlySpan(next, 0, count)) (Span nextObservations)

        // What the environment took: a policy that leaves its bounds is not told by that.
        for row in 0 .. rows - 1 do
            let action = Span(environmentActions, row * size, size)
            Policy.toEnvironment map space (ReadOnlySpan(policyActions, row * size, size)) action

        Encoding.encode space isIdentity (ReadOnlySpan environmentActions) (Span actions)
