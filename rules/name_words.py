"""The words that Nigerian names and firms are made of, and what each is worth when two names are compared.

Holds words only, in lower case and without accents; `rules/names.py` says what is done with them. A word left out of a
list costs a match or a near miss, never a wrong link: lists that let more names match are kept short.
"""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


FILLERS = _words("and the of")
"""Says nothing: dropped."""

LEGAL = _words("limited plc nigeria llc llp inc gte")
"""A legal form: it may be missing, for no two firms are registered that differ only by it."""

CUT_SHORT = _words("lim limi limit limite nige nigeri")
"""What a bank's cut leaves of one at the end of a name."""

TITLES = _words(
    "mr mrs ms miss mister mallam malam alhaji alhaja alh hajia haj chief engr engineer dr doctor prof professor barr "
    "barrister arc architect rev reverend fr pst pastor evang evangelist bishop deacon deaconess dcn otunba oba igwe "
    "hon comrade surv pharm sir madam capt col amb"
)
"""A title: dropped where two other words are left."""

KIN = _words("sons daughters brothers sisters family company partners associates children group")
"""Tells a firm from the person or firm that it is named after: what is cut off must not begin with one of these."""

_SPELLINGS = {
    "and": "amp",
    "limited": "ltd limted",
    "nigeria": "nig ngr",
    "inc": "incorporated",
    "enterprise": "ent enterprises enterprice enterprices entr",
    "venture": "ventures vent",
    "company": "co coy companies",
    "international": "intl",
    "sons": "son",
    "daughters": "daughter",
    "brothers": "bros brother",
    "associates": "associate assoc assocs",
    "partners": "partner",
    "service": "services serv servs svcs",
    "resource": "resources",
    "store": "stores",
    "food": "foods",
    "farm": "farms",
    "hotel": "hotels",
    "motor": "motors",
    "print": "prints",
    "builder": "builders",
    "textile": "textiles",
    "travel": "travels",
    "concept": "concepts",
    "logistics": "logistic",
    "industry": "industries ind inds",
    "property": "properties",
    "technology": "technologies tech",
    "investment": "investments inv invest",
    "communication": "communications comm comms",
    "construction": "constructions const constr",
    "engineering": "engineerings",
    "product": "products prod",
    "project": "projects",
    "solution": "solutions",
    "supply": "supplies",
    "material": "materials",
    "merchandise": "merchandize",
    "pharmaceutical": "pharmaceuticals",
    "trader": "traders",
    "muhammad": "mohammed mohammad muhammed mohamed muhamad muhamed mohd muhd mohamad",
    "abubakar": "abubakr abubaker abubakkar",
    "ibrahim": "ibraheem ibrahima",
    "usman": "uthman othman",
    "yusuf": "yusufu yusuph yusif",
    "suleiman": "sulaiman suleman sulayman sulaimon",
    "abdullahi": "abdulahi abdullah abdallah",
    "ahmad": "ahmed",
    "hassan": "hasan",
    "hussaini": "hussein hussain husseini",
    "fatima": "fatimah fatimat fatimoh",
    "aisha": "aishat aishah ayisha aishatu",
    "zainab": "zaynab zainabu zaynabu",
    "maryam": "mariam maryamu",
    "isa": "issa",
    "sani": "sanni",
    "rasheed": "rashid",
    "olajide": "olajyde",
    "chukwuemeka": "chukwuemaka",
    "philip": "phillip philips phillips",
    "steven": "stephen steve",
    "isaac": "isaak issac",
    "elisabeth": "elizabeth",
    "catherine": "katherine kathrine",
}

SAME = {spelling: word for word, spellings in _SPELLINGS.items() for spelling in spellings.split()}
"""Short forms and spellings, and the word that each is."""

FIRM_WORDS = (
    _words(
        "enterprise venture company international service resource store food farm hotel motor print builder textile "
        "travel concept logistics industry property technology investment communication construction engineering "
        "product project solution supply material merchandise pharmaceutical trader global multi general agro oil gas "
        "energy media pharmacy consulting consult marine poultry security catering medical integrated professional "
        "building supermarket bakery school academy clinic hospital laboratory trading transport shipping electrical "
        "electronics fashion furniture design studio water table petroleum microfinance bank insurance church ministry "
        "foundation cooperative society association estate royal prime golden united universal allied"
    )
    | KIN
)
"""What many firms are called: known words, and not telling by themselves."""

GIVEN_NAMES = _words(
    "abigail abiodun abiola abosede adaeze adaobi adunni agnes aisha akpan alex alice amaka amara amarachi ameh "
    "amina anita anna anthony antonia augustina augustine ayodeji ayomide azubuike babajide babatunde beatrice "
    "benedict benjamin bisi blessing bola bolaji bolanle bright bukola bunmi caleb catherine cecilia charity "
    "charles chiamaka chibueze chibuike chibuzor chidera chidi chidiebere chidinma chijioke chika chima chinedu "
    "chinelo chinenye chinonso chinwe chinyere chioma chisom christian christiana christopher chukwudi clement "
    "comfort cynthia dada damilola daniel daniela david dayo deborah denis dennis dipo dorcas ebele ebuka edith "
    "efe efosa ehis ejike ekaette elisabeth emeka emmanuel emmanuela emmanuella eniola enitan ese esther eunice "
    "evelyn ezinne faith fatima favour felicia felix femi festus florence folake folasade franca francis friday "
    "funke funmi funmilayo funmilola gabriel gabriela gift gloria god godwin goodluck grace hadiza halima hannah "
    "happiness helen henry hope ifeanyi ifeoma ifunanya ikechukwu ikenna ini iniobong innocent israel itunu "
    "jacob james jane janelle janet jennifer jeremiah joan joel john joseph josephine joshua joy jude judith "
    "juliana juliet julius jumoke justin justina kabiru kayode kelechi kemi kenneth kingsley kunle ladi lanre "
    "laraba larabe lateef lilian linda loveth lucky lucy mabel margaret maria mark martha martin martina mary "
    "maryam matthew mercy michael michaela miriam monday monica moses nathan nathaniel ndidi ngozi nike nkechi "
    "nkiru nnamdi nneka nnenna nonso nwamaka obinna odunayo olalekan olamide olayinka olu oluchi olufemi "
    "olufunke olumide oluseyi oluwafemi oluwaseun oluwaseyi oluwatobi oluwatosin omolara omotola onyeka onyinye "
    "osagie osaro osas oyinkan patience patrick paul paula pauline peace peter philip pius precious promise "
    "queen rachel rasheed raymond rebecca remi remilekun richard rita robert roland rose ruth sade salisu sam "
    "samuel sandra sarah segun seun seyi shade simeon simisola simon solomon sophia stella steven sunday susan "
    "sylvester sylvia tari temidayo temitayo temitope terna theresa thomas timothy titilayo titus tobenna tobi "
    "tochukwu tolu tolulope tope tosin tunde tunji uche uchechi uchenna uduak ufuoma ugochi ugochukwu uju "
    "valentina valentine vera veronica victor victoria vincent vivian wale wasiu wilfred yemi yetunde yewande "
    "yinka zainab zikora"
)
"""Common given names, seldom a family's: whole names, so that none is a slip of the pen for another, nor one cut."""

FAMILY_NAMES = _words(
    "abdullahi abubakar adamu adebayo adebisi adebola adebowale adedayo adekunle adeleke ademola adeniyi adeola "
    "adeolu adesina adewale adewole adewumi adewunmi adeyemi adeyemo adeyinka ahmad akin alexander aliyu amadi "
    "aminu audu ayodabo ayodele bala balogun bamidele bashir bello benson chukwu chukwuemeka chukwuma danjuma "
    "eze ezeh garba hassan hussaini ibe ibrahim idowu idris ike isa johnson kehinde kolawole lawal lawan maduka "
    "muhammad musa mustapha nwachukwu nwankwo nwosu obaseki obasi obi obiora odili ogun ojo okafor okeke okoli "
    "okon okonkwo okoro okoye okpara ola oladapo oladele oladipo oladunni olaniyi olanrewaju onuoha onyekachi "
    "orji osei oyebade oyebode oyedele oyewole samson sani shehu suleiman taiwo udo umar umaru usman williams "
    "yahaya yakubu yusuf"
)
"""Names of families, though many are given names too: whole names as well."""

KNOWN = GIVEN_NAMES | FAMILY_NAMES | FIRM_WORDS
