/// The registry's entries of the toy-text tables.
namespace Rl.Core.Environments.ToyText

open System
open System.Globalization
open Rl.Core.Foundations
open Rl.Core.Tabular
open Rl.Core.Environments

[<RequireQualifiedAccess>]
module internal ToyTextEntries =

    /// "1,0,0" as the rewards of goal, hole and frozen tiles.
    let private rewardsOf (text: string) : FrozenLakeRewards =
        let numbers =
            text.Split(',', StringSplitOptions.TrimEntries)
            |> Array.map (fun part ->
                match Double.TryParse(part, NumberStyles.Float, CultureInfo.InvariantCulture) with
                | true, value when Double.IsFinite value -> value
                | _ -> nan)

        match numbers with
        | [| goal; hole; frozen |] when Array.forall Double.IsFinite numbers ->
            { Goal = goal; Hole = hole; Frozen = frozen }
        | _ ->
            Guard.fail
                "reward_schedule"
                ($"reward_schedule is \"{text}\"; it must be the rewards of goal, hole and frozen tiles, such as "
                 + "\"1,0,0\".")

    let private wholeNumber (values: Map<string, KeywordValue>) name =
        let number = Keyword.numberOf values name

        if number <> Math.Floor number || abs number > 1e6 then
            Guard.fail name $"{name} is {number}; it must be a whole number within ±1000000."

        int number

    let private mapOf (values: Map<string, KeywordValue>) =
        match Keyword.textOf values "desc", Keyword.textOf values "map_name" with
        | "", "4x4" -> ToyText.frozenLake4x4
        | "", "8x8" -> ToyText.frozenLake8x8
        | "", _ ->
            let key = Rng.create (uint64 (int64 (wholeNumber values "map_seed")))

            // The table of a larger map, with every way that each step may take, would fill the memory.
            let size = wholeNumber values "map_size"
            Guard.inIntRange "map_size" 2 100 size

            let struct (map, _) = ToyText.randomMap size (Keyword.numberOf values "map_frozen") key

            map
        | desc, _ -> desc.Split([| '/'; ',' |], StringSplitOptions.TrimEntries)

    let private frozenLake (options: FrozenLakeOptions) (mapName: string) =
        {
            Id = options.Id
            Summary = "Walk over slippery ice to the goal without falling into a hole."
            Keywords =
                [
                    Keyword.text "map_name" mapName [ "4x4"; "8x8"; "random" ] "which map"
                    Keyword.text
                        "desc"
                        ""
                        []
                        "a map of your own, rows of S, F, H and G with / between them: SFF/FHF/FFG"
                    Keyword.flag "is_slippery" true "whether a step may slip to the sides"
                    Keyword.number "success_rate" options.SuccessRate "how often slippery ice takes the wanted way"
                    Keyword.text "reward_schedule" "1,0,0" [] "the rewards of goal, hole and frozen tiles"
                    Keyword.number "map_size" 8.0 "rows and columns of a random map, 2 to 100"
                    Keyword.number "map_frozen" 0.8 "the share of frozen tiles of a random map"
                    Keyword.number "map_seed" 0.0 "which random map"
                ]
            Create =
                fun values ->
                    AnyEnvironment.Pack(
                        FrozenLake.create
                            { options with
                                Map = mapOf values
                                IsSlippery = Keyword.isSet values "is_slippery"
                                SuccessRate = Keyword.numberOf values "success_rate"
                                Rewards = rewardsOf (Keyword.textOf values "reward_schedule")
                            }
                    )
        }

    let private cliffWalking id isSlippery =
        {
            Id = id
            Summary = "Walk along a cliff to the goal without falling off."
            Keywords = [ Keyword.flag "is_slippery" isSlippery "whether a step may slip to the sides" ]
            Create = fun values -> AnyEnvironment.Pack(CliffWalking.create id (Keyword.isSet values "is_slippery"))
        }

    let private taxi id =
        {
            Id = id
            Summary = "Fetch a passenger in a small town and bring him where he wants to go."
            Keywords =
                [
                    Keyword.flag "is_rainy" false "whether a drive goes astray to each side in 10 % of steps"
                    Keyword.flag "fickle_passenger" false "whether the passenger may change the destination once"
                    Keyword.actionMasks
                ]
            Create =
                fun values ->
                    AnyEnvironment.Pack(
                        Taxi.create
                            id
                            (Keyword.isSet values "is_rainy")
                            (Keyword.isSet values "fickle_passenger")
                            (Keyword.hasActionMasks values)
                    )
        }

    let private blackjack =
        {
            Id = "Blackjack-v1"
            Summary = "Come nearer to 21 than the dealer without going over."
            Keywords =
                [
                    Keyword.flag
                        "natural"
                        Blackjack.V1.Natural
                        "a natural that wins pays 1.5; without effect if sab is true"
                    Keyword.flag
                        "sab"
                        Blackjack.V1.SuttonBarto
                        "the rules of Sutton and Barto: a natural beats 21 in more cards"
                ]
            Create =
                fun values ->
                    AnyEnvironment.Pack(
                        Blackjack { Natural = Keyword.isSet values "natural"; SuttonBarto = Keyword.isSet values "sab" }
                    )
        }

    /// Every environment of this family.
    let all: RegistryEntry list =
        [
            blackjack
            frozenLake FrozenLake.v1 "4x4"
            frozenLake FrozenLake.large "8x8"
            cliffWalking "CliffWalking-v0" false
            cliffWalking "CliffWalking-v1" false
            cliffWalking "CliffWalkingSlippery-v1" true
            taxi "Taxi-v3"
            taxi "Taxi-v4"
        ]
