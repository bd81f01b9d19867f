/// A causal transformer over the last steps of an episode: the network of the decision transformer.
namespace Rl.Core.Networks

open Rl.Core.Autodiff
open Rl.Core.Foundations

/// How a network knows when a step was.
[<RequireQualifiedAccess>]
type StepPositions =
    /// Each token has the embedding of its own step (Chen et al. 2021).
    | OwnStep
    /// All tokens have that of the last step, and each step's place a vector of its own, as for Atari there.
    | LastStep

/// What stands after the embeddings of returns, observations and actions.
[<RequireQualifiedAccess>]
type TokenEmbedding =
    /// A layer normalisation of the tokens with their positions.
    | Normalised
    /// tanh, before positions are added, as for Atari.
    | Saturated

/// K steps (R̂, s, a) as 3K tokens of E numbers, through blocks x + attention(norm x), x + mlp(norm x) in which a token
/// sees what came before it, and a last normalisation (Chen et al. 2021, "Decision transformer: reinforcement learning
/// via sequence modeling"). Its features are those of the tokens of observations, from which the action of the step
/// follows.
type EpisodeTransformer =
    {
        /// Numbers of an observation as networks see it.
        Observations: int
        /// Numbers of an action, integers one-hot.
        Actions: int
        /// K ≥ 2, the steps that it looks back upon, the present one included.
        Context: int
        /// E, the numbers of a token.
        Width: int
        /// Divides E.
        Heads: int
        Blocks: int
        /// Steps with an embedding of their own; later ones have that of the last.
        LongestEpisode: int
        /// Within the perceptrons of blocks, whose hidden layer has 4 E units.
        Activation: Activation
        Positions: StepPositions
        Embedding: TokenEmbedding
        /// ε of the normalisations in blocks and after them.
        Epsilon: float
    }

    /// 3K.
    member this.Tokens = 3 * this.Context

    /// What a copy remembers within an episode: the steps so far, the rewards so far, then of the last K − 1 steps the
    /// returns-to-go, the observations and the actions.
    member this.StateSize = 2 + (this.Context - 1) * (1 + this.Observations + this.Actions)

    /// Where in the memory the sum of the episode's rewards stands: whoever steps the environment adds to it.
    member _.EarnedAt = 1

    /// Where in the memory the action of the last step stands, which whoever has chosen it writes there.
    member this.LastActionAt = this.StateSize - this.Actions

/// Some steps of n episodes, the oldest first.
type EpisodeSteps =
    {
        /// R̂ [n, K], in units of the scale of returns.
        Returns: Expr
        /// [n, K, observations].
        Observations: Expr
        /// [n, K, actions].
        Actions: Expr
        /// The number of the step in its episode, from 0 [n, K].
        Steps: Expr
        /// 1 where there is a step, 0 before the episode [n, K].
        Present: Expr
    }

/// The blocks are "returns", "observations" and "actions" (dense), "positions" [longest episode, E], "places" [K, E]
/// with positions of the last step, "normalisation" with normalised embeddings, for each block "0/first",
/// "0/attention", "0/second", "0/expand" and "0/contract", then "last".
[<RequireQualifiedAccess>]
module EpisodeTransformer =

    /// Blocks of the deepest transformer.
    [<Literal>]
    let DeepestTransformer = 1024

    /// GPT-2's start of weights.
    let private small = Initialiser.Normal(0.0, 0.02)

    let private dense inputs outputs : Dense =
        { Inputs = inputs; Outputs = outputs; Weight = small; Bias = Initialiser.Constant 0.0 }

    let private attention (net: EpisodeTransformer) : Attention = { Embedding = net.Width; Heads = net.Heads }

    /// The parameters. Fails for sizes that do not go together.
    let layout (net: EpisodeTransformer) : Layout =
        Guard.inIntRange (nameof net.Context) 2 System.Int32.MaxValue net.Context
        Guard.inIntRange (nameof net.Blocks) 1 DeepestTransformer net.Blocks
        Guard.positive (nameof net.LongestEpisode) net.LongestEpisode
        let width = net.Width

        let block =
            Layout.merge
                [
                    "first", LayerNormalisation.layout width
                    "attention", Attention.layout (attention net)
                    "second", LayerNormalisation.layout width
                    "expand", Dense.layout (dense width (4 * width))
                    "contract", Dense.layout (dense (4 * width) width)
                ]

        let table name rows = Layout.add name [| rows; width |] small Layout.empty

        Layout.concat
            [
                Layout.under "returns" (Dense.layout (Dense.torch 1 width))
                Layout.under "observations" (Dense.layout (Dense.torch net.Observations width))
                Layout.under "actions" (Dense.layout (Dense.torch net.Actions width))
                table "positions" net.LongestEpisode
                if net.Positions.IsLastStep then table "places" net.Context
                if net.Embedding.IsNormalised then
                    Layout.under "normalisation" (LayerNormalisation.layout width)
                for index in 0 .. net.Blocks - 1 do
                    Layout.under (string index) block
                Layout.under "last" (LayerNormalisation.layout width)
            ]

    /// The target that acting asks for and the scale of returns, two numbers that the data says: "target" and "scale".
    let returns: Layout =
        Layout.empty
        |> Layout.add "target" [| 1 |] (Initialiser.Constant 0.0)
        |> Layout.add "scale" [| 1 |] (Initialiser.Constant 1.0)

    /// The numbers of an episode that each dropout drops of, in the order of `apply`: the tokens, then of each block
    /// the weights of attention, its outputs and those of the perceptron.
    let dropoutSizes (net: EpisodeTransformer) : int list =
        let tokens = net.Tokens * net.Width

        [
            tokens
            for _ in 1 .. net.Blocks do
                net.Heads * net.Tokens * net.Tokens
                tokens
                tokens
        ]

    /// 1 where a token (row) may look at another (column) [n, 1, 3K, 3K]: at what is not after it and is there. Tokens
    /// before an episode look at one another: their features count nowhere.
    let private visible (net: EpisodeTransformer) (present: Expr) : Expr =
        let rows, tokens = present.Shape[0], net.Tokens

        let ofTokens =
            Expr.expandAxis -1 present
            |> Expr.broadcastTo [| rows; net.Context; 3 |]
            |> Expr.reshape [| rows; tokens |]

        let looked = Expr.reshape [| rows; 1; 1; tokens |] ofTokens
        let looking = Expr.reshape [| rows; 1; tokens; 1 |] ofTokens
        Attention.causalMask tokens * Expr.maximum looked (1.0 - looking)

    /// Embeddings with their positions [n, 3K, E].
    let private tokensOf (net: EpisodeTransformer) (parameters: Parameters) (steps: EpisodeSteps) : Expr =
        let rows, context, width = steps.Steps.Shape[0], net.Context, net.Width

        let part name (x: Expr) =
            let y = Dense.apply (Parameters.at name parameters) x
            if net.Embedding.IsSaturated then Expr.tanh y else y

        let parts =
            [
                part "returns" (Expr.expandAxis -1 steps.Returns)
                part "observations" steps.Observations
                part "actions" steps.Actions
            ]

        let positions (numbers: Expr) =
            Expr.indexSelect
                0
                (Expr.reshape [| numbers.Count |] (Expr.clamp 0.0 (float (net.LongestEpisode - 1)) numbers))
                (Parameters.block "positions" parameters)

        let ofSteps =
            match net.Positions with
            | StepPositions.OwnStep -> positions steps.Steps |> Expr.reshape [| rows; context; width |]
            | StepPositions.LastStep ->
                let last = Expr.slice 1 (context - 1) context steps.Steps |> positions
                Expr.reshape [| rows; 1; width |] last + Parameters.block "places" parameters

        let tokens =
            parts
            |> List.map (fun part -> part + ofSteps)
            |> Expr.stack 2
            |> Expr.reshape [| rows; net.Tokens; width |]

        match net.Embedding with
        | TokenEmbedding.Normalised ->
            LayerNormalisation.apply LayerNormalisation.defaultEpsilon (Parameters.at "normalisation" parameters) tokens
        | TokenEmbedding.Saturated -> tokens

    /// `apply` with scores [n, heads, 3K, 3K] as `mask` makes them.
    let internal applyMasked
        (mask: Expr -> Expr)
        (net: EpisodeTransformer)
        (drop: int -> Expr -> Expr)
        (parameters: Parameters)
        (steps: EpisodeSteps)
        : Expr =
        let block (x: Expr) index =
            let own = Parameters.at (string index) parameters
            let normalised name = LayerNormalisation.apply net.Epsilon (Parameters.at name own)
            let drop place = drop (1 + 3 * index + place)

            let attended =
                normalised "first" x
                |> Attention.applyWith mask (drop 0) (attention net) (Parameters.at "attention" own)

            let x = x + drop 1 attended

            let hidden =
                normalised "second" x |> Dense.apply (Parameters.at "expand" own) |> Activation.apply net.Activation

            x + drop 2 (Dense.apply (Parameters.at "contract" own) hidden)

        let tokens = List.fold block (drop 0 (tokensOf net parameters steps)) [ 0 .. net.Blocks - 1 ]
        let rows = tokens.Shape[0]

        LayerNormalisation.apply net.Epsilon (Parameters.at "last" parameters) tokens
        |> Expr.reshape [| rows; net.Context; 3; net.Width |]
        |> Expr.slice 2 1 2
        |> Expr.reshape [| rows; net.Context; net.Width |]

    /// The features [n, K, E] of the steps of n episodes. `drop` is called with the number of each dropout, in the
    /// order of `dropoutSizes`, and with what it drops of.
    let apply
        (net: EpisodeTransformer)
        (drop: int -> Expr -> Expr)
        (parameters: Parameters)
        (steps: EpisodeSteps)
        : Expr =
        applyMasked (Attention.masked (visible net steps.Present)) net drop parameters steps

    /// One step: observations [rows, observations] and memories [rows, StateSize] to struct (features [rows, E], new
    /// memories), in which the action of this step is 0 until it is written (`LastActionAt`). The return-to-go is the
    /// target less what has been earned. `returns` has the parameters of `EpisodeTransformer.returns`.
    let step
        (net: EpisodeTransformer)
        (parameters: Parameters)
        (returns: Parameters)
        (observations: Expr)
        (state: Expr)
        : struct (Expr * Expr) =
        let rows, context, before = state.Shape[0], net.Context, net.Context - 1
        let part first count = Expr.slice 1 first (first + count) state
        let count, earned = part 0 1, part net.EarnedAt 1
        let firstObservation = 2 + before
        let firstAction = firstObservation + before * net.Observations
        let now = (Parameters.block "target" returns - earned) / Parameters.block "scale" returns
        let recent = Expr.concat 1 [ part 2 before; now ]
        let seen = Expr.concat 1 [ part firstObservation (before * net.Observations); observations ]
        let actions = part firstAction (before * net.Actions)
        let done' = Expr.concat 1 [ actions; Expr.zeros [| rows; net.Actions |] ]
        let steps = count + Expr.vector [ for place in 1 - context .. 0 -> float place ]

        let features =
            apply
                net
                (fun _ x -> x)
                parameters
                {
                    Returns = recent
                    Observations = Expr.reshape [| rows; context; net.Observations |] seen
                    Actions = Expr.reshape [| rows; context; net.Actions |] done'
                    Steps = steps
                    Present = Expr.greaterOrEqual steps (Expr.number 0.0)
                }
            |> Expr.slice 1 before context
            |> Expr.squeeze 1

        let later size x = Expr.slice 1 size (context * size) x
        let next = [ count + 1.0; earned; later 1 recent; later net.Observations seen; later net.Actions done' ]
        struct (features, Expr.concat 1 next)
